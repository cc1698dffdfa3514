"""REST over TLS, which the real server lacks, and clients that stall in the handshake."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from interestflow.serving.server.configuration import TLS
from interestflow.serving.server.server import Server
from tests.serving.server import small_models
from tests.serving.server.http_clients import (
    ANSWER,
    GOOD,
    clients,
    connect,
    is_open,
    post,
    read_answer,
    read_to_end,
    rest_port_of,
)
from tests.serving.server.small_models import options


class Certificates:
    """An authority, and files with what it signed."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.tls = TLS(str(folder / "server.pem"), str(folder / "server.key"), str(folder / "authority.pem"))
        server, self.client = authority.issue_cert("localhost"), authority.issue_cert("me")
        server.cert_chain_pems[0].write_to_path(self.tls.certificate)
        server.private_key_pem.write_to_path(self.tls.key)
        authority.cert_pem.write_to_path(str(self.tls.client_authority))

    def context(self, with_certificate: bool) -> ssl.SSLContext:
        """Return what a client needs that trusts the authority."""
        context = ssl.create_default_context(cafile=self.tls.client_authority)
        if with_certificate:
            self.client.configure_cert(context)
        return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("scaled")
    small_models.write_scaled(base, 3)
    return base


def ask(port: int, context: ssl.SSLContext) -> tuple[int, bytes]:
    with context.wrap_socket(connect(port), server_hostname="localhost") as client:
        client.sendall(post(GOOD))
        return read_answer(client)  # type: ignore[arg-type]


def answer_or_error(port: int, context: ssl.SSLContext) -> tuple[int, bytes]:
    answer = ask(port, context)
    if answer == (0, b""):
        raise ConnectionError
    return answer


def test_clients_of_the_authority_are_answered(base: Path, certificates: Certificates) -> None:
    tls = TLS(certificates.tls.certificate, certificates.tls.key)
    with Server(options(base, rest_port=0, tls=tls)) as server:
        assert ask(rest_port_of(server), certificates.context(with_certificate=False)) == ANSWER
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(rest_port_of(server), ssl.create_default_context())
        with connect(rest_port_of(server)) as client:
            client.sendall(post(GOOD))
            assert b"200 OK" not in read_to_end(client)


def test_clients_without_a_certificate_are_not_where_one_is_asked_for(base: Path, certificates: Certificates) -> None:
    with Server(options(base, rest_port=0, tls=certificates.tls)) as server:
        assert ask(rest_port_of(server), certificates.context(with_certificate=True)) == ANSWER
        with pytest.raises((ssl.SSLError, ConnectionError)):  # for TLS 1.3 tells a client after its first bytes
            answer_or_error(rest_port_of(server), certificates.context(with_certificate=False))


def test_clients_that_stall_before_tls_is_agreed_on_make_room(base: Path, certificates: Certificates) -> None:
    tls = TLS(certificates.tls.certificate, certificates.tls.key)
    with (
        Server(options(base, rest_port=0, tls=tls, max_http_connections=10)) as server,
        clients(rest_port_of(server), [b"", b"\x16\x03\x01\x02"] * 20) as opened,
    ):
        assert ask(rest_port_of(server), certificates.context(with_certificate=False)) == ANSWER
        assert sum(map(is_open, opened)) <= 10
        server.stop(grace=1.0)
        assert [read_to_end(client) for client in opened] == [b""] * 40


def test_a_client_that_stalls_before_tls_is_agreed_on_is_cut_off(base: Path, certificates: Certificates) -> None:
    tls = TLS(certificates.tls.certificate, certificates.tls.key)
    with (
        Server(options(base, rest_port=0, tls=tls, http_header_seconds=1.0)) as server,
        connect(rest_port_of(server)) as client,
    ):
        assert read_to_end(client) == b""
