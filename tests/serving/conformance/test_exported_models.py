"""Models that the project exports, on any server: every signature, cold users, batches, reloads and broken versions.

The local server is started here. For another one, `prepare.py FOLDER` prints the flags of the server that `--target`
and `--rest-target` name, and `prepare.py FOLDER --batching` those of the one that `--batching-target` names; both want
`--folder FOLDER`, from which the tests read what to ask and in which they put versions.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc
from tensorflow_serving.config import model_server_config_pb2

from interestflow.serving.client import Client, ClientError
from interestflow.serving.server.configuration import ServerOptions, read_batching, read_models
from interestflow.serving.server.server import Server
from tests.serving.conformance.prepare import BATCHING, exported_config
from tests.serving.conformance.write_exported import FAMILIES, write_exported
from tests.serving.exported_cases import ExportedModels, read_arrays

TOLERANCE = 1e-5
TOGETHER = 16
COLD = {"history_item": [], "history_category": [], "history_age": []}
WARM = {"history_item": ["i1", "i2", "é7"], "history_category": ["c1", "c2", "c0"], "history_age": [300, 20, 1]}
INVALID, FAILED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION
NOT_FOUND = grpc.StatusCode.NOT_FOUND


@dataclass(frozen=True)
class Served:
    """Addresses of a server's gRPC and REST, the folder below which its models lie, and its configuration of them."""

    address: str
    rest_address: str | None
    folder: Path
    models_config: Path


@pytest.fixture(scope="module")
def folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, exported_models: ExportedModels
) -> Path:
    given = request.config.getoption("--folder")
    if request.config.getoption("--target") or request.config.getoption("--batching-target"):
        if given is None:
            pytest.skip("needs --folder, which prepare.py wrote")
        return Path(given) / "exported"
    folder = tmp_path_factory.mktemp("exported")
    write_exported(folder, exported_models)
    return folder


@contextlib.contextmanager
def started(folder: Path, names: Iterable[str] = FAMILIES, **options: Any) -> Iterator[Served]:
    names = tuple(names)
    models = folder / f"local_{len(names)}.config"
    models.write_text(exported_config(folder, names))
    options = {"rest_port": 0, "poll_seconds": 0.1, "allow_reload": "anyone"} | options
    with Server(ServerOptions(read_models(models), **options)) as server:
        yield Served(f"127.0.0.1:{server.port}", f"127.0.0.1:{server.rest_port}", folder, models)


@pytest.fixture(scope="module")
def served(request: pytest.FixtureRequest, folder: Path) -> Iterator[Served]:
    target = request.config.getoption("--target")
    if target is not None:
        if request.config.getoption("--recording") is not None:
            pytest.skip("the target serves the models of a recording alone")
        models = folder.parent / "setup" / "models.config"
        yield Served(target, request.config.getoption("--rest-target"), folder, models)
        return
    with started(folder) as server:
        yield server


@pytest.fixture(scope="module")
def batching(request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a server that batches."""
    if request.config.getoption("--target") is not None:
        target = request.config.getoption("--batching-target")
        if target is None:
            pytest.skip("needs --batching-target, a server that batches")
        yield target
        return
    parameters = tmp_path_factory.mktemp("batching") / "batching_parameters.txt"
    parameters.write_text(BATCHING)
    batching = read_batching(parameters)
    with started(folder, ["exported_ranker"], batching=batching, grpc_max_threads=64) as server:
        yield server.address


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_signature_answers_as_keras_does(served: Served, name: str) -> None:
    requests, expected = (read_arrays(served.folder / kind / name) for kind in ("requests", "expected"))
    with Client(served.address, name, timeout=60) as client:
        assert set(client.metadata().signatures) == set(requests)
        for signature, arrays in requests.items():
            answer = client.run(signature, arrays).arrays
            for output, values in expected.get(signature, {}).items():
                size = max(1.0, float(np.abs(values).max()))
                np.testing.assert_allclose(answer[output] / size, values / size, atol=TOLERANCE, err_msg=signature)


def test_the_init_operation_is_listed_and_no_signature(served: Served) -> None:
    """The real server lists it in its metadata, where a client that takes it for a signature fails."""
    from tensorflow_serving.apis import get_model_metadata_pb2, prediction_service_pb2_grpc

    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "exported_ranker"
    with grpc.insecure_channel(served.address) as channel:
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata(request, timeout=60)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata["signature_def"].Unpack(signatures)
    assert "__saved_model_init_op" in signatures.signature_def
    with Client(served.address, "exported_ranker") as client:
        assert "__saved_model_init_op" not in client.metadata().signatures


def test_a_cold_user_over_grpc(served: Served) -> None:
    with Client(served.address, "exported_ranker") as client:
        cold, featureless = client.rank(COLD, ["i1", "i2"]), client.rank({}, ["i1", "i2"])
        warm = client.rank(WARM, ["i1", "i2"])
    np.testing.assert_array_equal(cold.by_task["click"], featureless.by_task["click"])
    assert np.abs(cold.by_task["click"] - warm.by_task["click"]).max() > 1e-3
    with Client(served.address, "exported_matcher") as client:
        assert len(client.retrieve({}, 3).items) == 3


def test_a_cold_user_over_rest(served: Served) -> None:
    """Rows of `instances` have a history without steps, which is `[]` in JSON."""
    if served.rest_address is None:
        pytest.skip("needs --rest-target")
    with Client(served.address, "exported_ranker") as client:
        expected = client.rank({}, [{"item": "i1", "category": "c1", "price": 1.5}]).by_task["click"]
    row = {"item": ["i1"], "category": ["c1"], "price": [1.5], "tags": [[]], **COLD}
    status, answer = ask_rest(served, "exported_ranker:predict", {"signature_name": "rank", "instances": [row]})
    assert status == 200, answer
    np.testing.assert_allclose(answer["predictions"], [expected], atol=1e-6)


def test_what_is_not_there(served: Served) -> None:
    arrays = read_arrays(served.folder / "requests" / "exported_ranker")["serving_default"]

    def code(**choice: Any) -> Any:
        with (
            Client(served.address, choice.pop("model", "exported_ranker"), **choice) as client,
            pytest.raises(ClientError) as raised,
        ):
            client.run(signature, arrays)
        return raised.value.code

    signature = "serving_default"
    assert code(label="nobody") == INVALID
    assert code(version=9) == NOT_FOUND
    assert code(model="nobody") == NOT_FOUND
    signature = "nothing"
    assert code() == FAILED


def mixed(index: int) -> tuple[dict[str, Any], list[str]]:
    """Return a user with 0 to 3 behaviours, and 1 to 40 candidates."""
    steps = index % 4
    user = {name: values[:steps] for name, values in WARM.items()}
    return user, [f"i{position % 6}" for position in range(1 + index * 7 % 40)]


def test_batches_of_requests_that_the_client_pads(batching: str) -> None:
    with Client(batching, "exported_ranker", timeout=60) as client:
        expected = [client.rank(*mixed(index)).by_task["click"] for index in range(40)]
        with ThreadPoolExecutor(TOGETHER) as pool:
            answers = list(pool.map(lambda index: client.rank(*mixed(index)).by_task["click"], list(range(40)) * 4))
    for index, answer in enumerate(answers):
        np.testing.assert_allclose(answer, expected[index % 40], rtol=0, atol=1e-6)


def test_batches_of_unequal_shapes_fail(batching: str) -> None:
    """Without the client's padding a request fails where it meets one of another shape; none is answered wrongly."""
    with Client(batching, "exported_ranker", timeout=60) as client:
        expected = [client.rank(*mixed(index)).by_task["click"] for index in range(40)]
    outcomes: list[Any] = []
    with Client(batching, "exported_ranker", timeout=60, padding=False) as client, ThreadPoolExecutor(TOGETHER) as pool:

        def ask(index: int) -> Any:
            try:
                return client.rank(*mixed(index)).by_task["click"]
            except ClientError as error:
                return error

        outcomes = list(pool.map(ask, list(range(40)) * 4))
    failures = [outcome for outcome in outcomes if isinstance(outcome, ClientError)]
    assert failures, "of so many requests at once some should have met"
    assert {failure.code for failure in failures} == {FAILED}
    assert all("have different shapes and padding is turned off" in str(failure) for failure in failures)
    for index, answer in enumerate(outcomes):
        if not isinstance(answer, ClientError):
            np.testing.assert_allclose(answer, expected[index % 40], rtol=0, atol=1e-6)


def test_a_reload_gives_labels_to_versions_that_are_there(served: Served) -> None:
    """A label on a version that is loaded answers; one that moves to a version that is not is refused as a whole."""
    arrays = read_arrays(served.folder / "requests" / "exported_ranker")["predict"]

    def reload(**labels: int) -> Any:
        config = text_format.Parse(served.models_config.read_text(), model_server_config_pb2.ModelServerConfig())
        for model in config.model_config_list.config:
            if model.name == "exported_ranker":
                model.version_labels.update(labels)
        request = model_management_pb2.ReloadConfigRequest(config=config)
        with grpc.insecure_channel(served.address) as channel:
            try:
                model_service_pb2_grpc.ModelServiceStub(channel).HandleReloadConfigRequest(request, timeout=60)
            except grpc.RpcError as error:
                return error.code()
        return None

    def answers(label: str) -> bool:
        with Client(served.address, "exported_ranker", label=label) as client:
            try:
                return client.run("predict", arrays).version == 1
            except ClientError as error:
                code = error.code
        if code != INVALID:
            raise AssertionError(f"an unknown label should be INVALID_ARGUMENT, received {code}")
        return False

    assert not answers("stable")
    assert reload(stable=1) is None
    assert answers("stable")
    assert reload(stable=7) == FAILED
    assert answers("stable")
    assert reload() is None
    assert not answers("stable")


def test_a_broken_newest_version_leaves_the_one_before(served: Served) -> None:
    """Version 2 has no weights: its warm-up requests fail, and version 1 goes on; version 3 is good and takes over."""
    base = served.folder / "exported_multi_task"
    arrays = read_arrays(served.folder / "requests" / "exported_multi_task")["predict"]

    def push(version: int) -> Path:
        coming = served.folder / f"coming-{version}"
        shutil.copytree(base / "1", coming)
        if version == 2:
            shutil.rmtree(coming / "variables")
        return coming.rename(base / str(version))

    try:
        with Client(served.address, "exported_multi_task", timeout=60) as client:
            push(2)
            wait_for(lambda: client.status().get(2) == "END", "version 2 should have ended")
            assert client.run("predict", arrays).version == 1
            push(3)
            wait_for(lambda: client.run("predict", arrays).version == 3, "version 3 should have taken over")
            shutil.rmtree(base / "3")
            shutil.rmtree(base / "2")
            wait_for(lambda: client.run("predict", arrays).version == 1, "version 1 should be back")
    finally:
        for version in ("2", "3"):
            shutil.rmtree(base / version, ignore_errors=True)


def wait_for(condition: Any, says: str) -> None:
    end = time.monotonic() + 300
    while time.monotonic() < end:
        with contextlib.suppress(ClientError):  # while versions change there may be none
            if condition():
                return
        time.sleep(0.1)
    raise AssertionError(says)


def ask_rest(served: Served, path: str, body: Any) -> tuple[int, Any]:
    url = f"http://{served.rest_address}/v1/models/{path}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode()), timeout=60) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
