"""The status of models over gRPC, and which clients may change the configuration."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
import trustme
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2, model_service_pb2_grpc

from interestflow.serving.server.configuration import TLS, one_model
from interestflow.serving.server.errors import ServerConfigurationError
from tests.serving.server import small_models
from tests.serving.server.checks import rpc_error
from tests.serving.server.small_models import Server, Stubs, options

State = get_model_status_pb2.ModelVersionStatus


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("models")
    small_models.write_scaled(base, 1)
    return base


def reload_request(base: Path, *names: str) -> model_management_pb2.ReloadConfigRequest:
    request = model_management_pb2.ReloadConfigRequest()
    request.config.model_config_list.SetInParent()
    for name in names:
        request.config.model_config_list.config.extend(one_model(name, str(base)).model_config_list.config)
    return request


def test_status(base: Path) -> None:
    with Server(options(base, allow_reload="anyone")) as server, Stubs(server.port) as stubs:
        request = get_model_status_pb2.GetModelStatusRequest()
        code, message = rpc_error(lambda: stubs.models.GetModelStatus(request))
        assert (code, message) == (grpc.StatusCode.INVALID_ARGUMENT, "`model_spec` should be given, received none")
        request.model_spec.name = "scaled"
        (version,) = stubs.models.GetModelStatus(request).model_version_status
        assert (version.version, version.state, version.HasField("status")) == (1, State.AVAILABLE, True)
        assert (version.status.error_code, version.status.error_message) == (0, "")
        request.model_spec.version_label = "nobody"  # the status service has no labels
        assert len(stubs.models.GetModelStatus(request).model_version_status) == 1
        request.model_spec.version.value = 9
        code, message = rpc_error(lambda: stubs.models.GetModelStatus(request))
        assert (code, message) == (grpc.StatusCode.NOT_FOUND, "Could not find version 9 of model scaled")
        stubs.models.HandleReloadConfigRequest(reload_request(base))
        request.model_spec.version.value = 1
        (version,) = stubs.models.GetModelStatus(request).model_version_status
        assert version.state == State.END
        request.model_spec.name = "nobody"
        request.model_spec.ClearField("version")
        code, message = rpc_error(lambda: stubs.models.GetModelStatus(request))
        assert (code, message) == (grpc.StatusCode.NOT_FOUND, "Could not find any versions of model nobody")


def test_a_reload_is_refused_unless_it_was_allowed(base: Path) -> None:
    with Server(options(base)) as server, Stubs(server.port) as stubs:
        code, message = rpc_error(lambda: stubs.models.HandleReloadConfigRequest(reload_request(base)))
        assert code == grpc.StatusCode.PERMISSION_DENIED
        assert message == (
            "nobody may change this server's models by HandleReloadConfigRequest; `--allow-reload` says who may"
        )
        assert stubs.scaled([1.0]) == [1.0]
        assert server.manager.available() == {"scaled": [1]}


def test_a_reload_is_answered_where_anyone_may(base: Path) -> None:
    with Server(options(base, allow_reload="anyone")) as server, Stubs(server.port) as stubs:
        response = stubs.models.HandleReloadConfigRequest(reload_request(base, "scaled", "twin"))
        assert response.HasField("status")
        assert response.status.error_code == 0
        assert stubs.scaled([1.0], name="twin") == [1.0]
        twice = reload_request(base, "scaled", "scaled")
        code, message = rpc_error(lambda: stubs.models.HandleReloadConfigRequest(twice))
        assert (code, message) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "`name` should be given once, received 'scaled' twice",
        )
        assert server.manager.available() == {"scaled": [1], "twin": [1]}


def test_a_reload_with_a_certificate(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ServerConfigurationError, match="client authority"):
        Server(options(base, allow_reload="with-certificate"))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    ours, client = authority.issue_cert("localhost"), authority.issue_cert("me")
    ours.private_key_pem.write_to_path(tmp_path / "server.key")
    ours.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    tls = TLS(*(str(tmp_path / name) for name in ("server.pem", "server.key", "authority.pem")))
    credentials = grpc.ssl_channel_credentials(
        authority.cert_pem.bytes(), client.private_key_pem.bytes(), client.cert_chain_pems[0].bytes()
    )
    with Server(options(base, host="localhost", tls=tls, allow_reload="with-certificate")) as server:
        with grpc.secure_channel(f"localhost:{server.port}", credentials) as channel:
            model_service_pb2_grpc.ModelServiceStub(channel).HandleReloadConfigRequest(
                reload_request(base, "twin"), timeout=60
            )
        assert server.manager.available() == {"twin": [1]}
