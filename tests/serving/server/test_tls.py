"""Encrypted, and with certificates on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_models
import trustme
from small_models import options

from serving.client import Client, ClientError, ClientTLS
from serving.server.configuration import TLS
from serving.server.errors import ServerConfigurationError
from serving.server.server import Server


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
    for name, certificate in (("server", server), ("client", client), ("stranger", stranger)):
        certificate.private_key_pem.write_to_path(folder / f"{name}.key")
        certificate.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
    return {path.name: str(path) for path in folder.iterdir()}


def client(port: int, tls: ClientTLS | None) -> Client:
    return Client(f"localhost:{port}", "scaled", tls=tls, timeout=10, retries=0)


def test_a_client_that_trusts_the_authority_is_answered(base: Path, files: dict[str, str]) -> None:
    tls = TLS(files["server.pem"], files["server.key"])
    with Server(options(base, host="localhost", tls=tls)) as server:
        with client(server.port, ClientTLS(files["authority.pem"])) as asking:
            assert asking.status() == {1: "AVAILABLE"}
        with client(server.port, None) as asking, pytest.raises(ClientError, match="is not available"):
            asking.status()


def test_with_an_authority_of_clients_only_they_are_answered(base: Path, files: dict[str, str]) -> None:
    tls = TLS(files["server.pem"], files["server.key"], files["authority.pem"])
    with Server(options(base, host="localhost", tls=tls)) as server:
        ours = ClientTLS(files["authority.pem"], files["client.pem"], files["client.key"])
        with client(server.port, ours) as asking:
            assert asking.status() == {1: "AVAILABLE"}
        for tls_of_client in (
            ClientTLS(files["authority.pem"]),
            ClientTLS(files["authority.pem"], files["stranger.pem"], files["stranger.key"]),
        ):
            with client(server.port, tls_of_client) as asking, pytest.raises(ClientError, match="is not available"):
                asking.status()


def test_a_file_that_is_not_there_is_named(base: Path, files: dict[str, str]) -> None:
    with pytest.raises(ServerConfigurationError, match=r"/nowhere\.pem cannot be read"):
        Server(options(base, tls=TLS("/nowhere.pem", files["server.key"]))).start()
    with pytest.raises(ClientError, match=r"/nowhere\.pem cannot be read"):
        client(1, ClientTLS("/nowhere.pem"))
    with pytest.raises(ClientError, match="given together"):
        client(1, ClientTLS(certificate=files["client.pem"]))
