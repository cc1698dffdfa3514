"""gRPC over TLS, with certificates on both sides."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from interestflow.serving.client import Client, ClientError, ClientTLS
from interestflow.serving.server.configuration import TLS
from interestflow.serving.server.errors import ServerConfigurationError
from interestflow.serving.server.server import Server
from tests.serving.server import small_models
from tests.serving.server.small_models import options


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("models")
    small_models.write_scaled(base, 1)
    return base


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("certificates")
    authority, other = trustme.CA(), trustme.CA()
    server, client, stranger = authority.issue_cert("localhost"), authority.issue_cert("me"), other.issue_cert("them")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    expired = authority.issue_cert("localhost", not_after=datetime(2001, 1, 1, tzinfo=UTC))
    certificates = {"server": server, "client": client, "stranger": stranger, "expired": expired}
    for name, certificate in certificates.items():
        certificate.private_key_pem.write_to_path(folder / f"{name}.key")
        certificate.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
    return {path.name: str(path) for path in folder.iterdir()}


def client(port: int, tls: ClientTLS | None) -> Client:
    return Client(f"localhost:{port}", "scaled", tls=tls, timeout=10, retries=0)


def test_a_client_that_trusts_the_authority_is_answered(base: Path, files: dict[str, str]) -> None:
    tls = TLS(files["server.pem"], files["server.key"])
    with Server(options(base, host="localhost", tls=tls)) as server:
        with client(server.port, ClientTLS(files["authority.pem"])) as stubs:
            assert stubs.status() == {1: "AVAILABLE"}
        with client(server.port, None) as stubs, pytest.raises(ClientError, match="is not available"):
            stubs.status()


def test_with_an_authority_of_clients_only_they_are_answered(base: Path, files: dict[str, str]) -> None:
    tls = TLS(files["server.pem"], files["server.key"], files["authority.pem"])
    with Server(options(base, host="localhost", tls=tls)) as server:
        ours = ClientTLS(files["authority.pem"], files["client.pem"], files["client.key"])
        with client(server.port, ours) as stubs:
            assert stubs.status() == {1: "AVAILABLE"}
        for tls_of_client in (
            ClientTLS(files["authority.pem"]),
            ClientTLS(files["authority.pem"], files["stranger.pem"], files["stranger.key"]),
        ):
            with client(server.port, tls_of_client) as stubs, pytest.raises(ClientError, match="is not available"):
                stubs.status()


@pytest.mark.parametrize(
    ("tls", "says"),
    [
        (("/nowhere.pem", "server.key"), r"the certificate /nowhere\.pem cannot be read"),
        (("server.pem", "client.key"), r"client\.key should belong to the certificate .*server\.pem"),
        (("server.key", "server.key"), r"the certificate .*server\.key should be a PEM certificate"),
        (("server.pem", "server.pem"), r"the private key .*server\.pem should be a PEM private key"),
        (("expired.pem", "expired.key"), r"the certificate .*expired\.pem .* expired at"),
        (("server.pem", "server.key", "client.pem"), r"the client authority .*client\.pem should hold certificates of"),
    ],
    ids=["missing", "mismatched", "no certificate", "no key", "expired", "no authority"],
)
@pytest.mark.parametrize("rest_port", [None, 0], ids=["gRPC", "REST"])
def test_a_file_that_cannot_be_used_is_named_before_anything_listens(
    base: Path, files: dict[str, str], tls: tuple[str, ...], says: str, rest_port: int | None
) -> None:
    server = Server(options(base, rest_port=rest_port, tls=TLS(*(files.get(name, name) for name in tls))))
    with pytest.raises(ServerConfigurationError, match=says):
        server.start()
    assert (server.port, server.rest_port) == (0, None)


def test_a_file_of_a_client_that_is_not_there_is_named(files: dict[str, str]) -> None:
    with pytest.raises(ClientError, match=r"/nowhere\.pem cannot be read"):
        client(1, ClientTLS("/nowhere.pem"))
    with pytest.raises(ClientError, match="given together"):
        client(1, ClientTLS(certificate=files["client.pem"]))
