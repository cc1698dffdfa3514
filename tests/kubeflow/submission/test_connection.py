"""Whatever goes wrong between here and the API is one sentence that names the option."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path

import pytest
import trustme

from interestflow.kubeflow.submission.connection import Connection, check_endpoint
from interestflow.kubeflow.submission.errors import ServerError, SubmissionError
from interestflow.kubeflow.submission.pipelines_api import PipelinesApi
from interestflow.kubeflow.submission.token import TOKEN_VARIABLE
from tests.kubeflow.submission.api_server import (
    Fault,
    Server,
    answer_error,
    answer_page,
    hang_up,
    redirect,
    running,
    stay_silent,
)

SECRET = "very-secret-token"


def failure(endpoint: str, seconds: float = 5, authority: Path | None = None) -> ServerError:
    """Return the error of a request."""
    with pytest.raises(ServerError) as caught:
        PipelinesApi(Connection(endpoint, authority, seconds), "team").find_pipeline("shop")
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://localhost:8888", "http://localhost:8888"),
        ("https://kubeflow.example.com/pipeline/", "https://kubeflow.example.com/pipeline"),
        ("https://kubeflow.example.com/pipeline/#/runs", "https://kubeflow.example.com/pipeline"),
    ],
)
def test_endpoints(given: str, url: str) -> None:
    assert check_endpoint(given) == url


@pytest.mark.parametrize("given", ["", "localhost:8888", "ftp://host", "http://", "http://host:port", "http://h:99999"])
def test_no_endpoints(given: str) -> None:
    with pytest.raises(SubmissionError) as caught:
        check_endpoint(given)
    assert str(caught.value) == f"`--endpoint` should be a URL such as http://localhost:8888, received {given!r}"


def test_an_endpoint_with_a_password_is_not_repeated() -> None:
    with pytest.raises(SubmissionError) as caught:
        check_endpoint(f"https://me:{SECRET}@host")
    assert str(caught.value) == (
        "`--endpoint` should hold no user, password or query (`$KFP_TOKEN` holds a token), received some"
    )


def test_the_token_is_sent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.state.token = SECRET
    monkeypatch.setenv(TOKEN_VARIABLE, SECRET)
    assert PipelinesApi(Connection(server.endpoint), None).find_pipeline("shop") is None
    assert server.state.requests[0].headers["authorization"] == f"Bearer {SECRET}"


def test_a_missing_and_a_wrong_token(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.state.token = SECRET
    head = (
        f"`$KFP_TOKEN` (or the file `$KF_PIPELINES_SA_TOKEN_PATH`) should hold a token that {server.endpoint} accepts, "
    )
    error = failure(server.endpoint)
    assert (str(error), error.status, error.may_have_happened) == (f"{head}none was given (HTTP 401)", 401, False)
    monkeypatch.setenv(TOKEN_VARIABLE, "wrong")
    assert str(failure(server.endpoint)) == f"{head}the one given was refused (HTTP 401)"


def test_a_login_page_is_not_followed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as other:
        server.state.faults.append(Fault("GET", ".*", redirect(f"{other.endpoint}/dex/auth")))
        monkeypatch.setenv(TOKEN_VARIABLE, SECRET)
        assert str(failure(server.endpoint)).endswith("the one given was refused (HTTP 302)")
        assert other.state.requests == []  # the token did not leave


def test_no_rights(server: Server) -> None:
    server.state.namespaces = {"other"}
    error = failure(server.endpoint)
    assert str(error) == (
        "the owner of the token (`$KFP_TOKEN`) should have the right to do this in the namespace (`--namespace`), "
        f"{server.endpoint} refused: User 'me' is not authorized with reason: (request: namespace team)"
    )
    assert error.status == 403


def test_a_token_in_an_answer_is_not_repeated(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, SECRET)
    server.state.faults.append(Fault("GET", ".*", answer_error(403, f"no rights: Bearer {SECRET}")))
    assert str(failure(server.endpoint)).endswith("refused: no rights: Bearer ***")


def test_a_namespace_that_does_not_exist(server: Server) -> None:
    message = 'Failed to create a workflow for (shop): namespaces "team" not found'
    server.state.faults.append(Fault("GET", ".*", answer_error(500, message)))
    error = failure(server.endpoint)
    assert str(error) == f"`--namespace` should be one that exists, {server.endpoint} answered {message} (HTTP 500)"
    assert error.may_have_happened


def test_nobody_listens() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        started = time.monotonic()
        error = failure(endpoint)
    assert (
        str(error)
        == f"`--endpoint` should be an API that can be reached, received {endpoint}: [Errno 111] Connection refused"
    )
    assert not error.may_have_happened
    assert time.monotonic() - started < 2


def test_an_unknown_host() -> None:
    error = failure("http://no-such-host.invalid:8888")
    assert str(error).startswith(
        "`--endpoint` should be an API that can be reached, received http://no-such-host.invalid:8888: "
    )


def test_a_slow_server_is_asked_once(server: Server) -> None:
    server.state.faults.append(Fault("GET", ".*", stay_silent(2), count=9))
    started = time.monotonic()
    error = failure(server.endpoint, seconds=0.2)
    assert str(error) == f"{server.endpoint} should answer within 0.2 seconds (`--request-timeout`), and did not"
    assert error.may_have_happened
    assert time.monotonic() - started < 1.5
    assert len(server.state.requests) == 1


def test_a_connection_that_is_closed(server: Server) -> None:
    server.state.faults.append(Fault("GET", ".*", hang_up))
    error = failure(server.endpoint)
    assert str(error).startswith(f"{server.endpoint} (`--endpoint`) closed the connection before it answered: ")
    assert error.may_have_happened


@pytest.mark.parametrize(
    ("status", "content_type", "answers"),
    [
        (200, "text/html; charset=utf-8", "text/html"),
        (404, "text/html", "text/html, HTTP 404"),
        (404, "text/plain; charset=utf-8", "text/plain, HTTP 404"),
    ],
)
def test_a_page_is_no_api(status: int, content_type: str, answers: str, server: Server) -> None:
    page = "<html><body>pipeline_id name display_name</body></html>"  # words that are fields of the API's answers
    server.state.faults.append(Fault("GET", ".*", answer_page(status, content_type, page)))
    assert str(failure(server.endpoint)) == (
        "`--endpoint` should be the API of Kubeflow Pipelines, which answers in JSON, received "
        f"{server.endpoint}, which answers with {answers}"
    )


def test_an_answer_in_json_that_does_not_say_so(server: Server) -> None:
    server.state.faults.append(Fault("GET", ".*", answer_page(200, "text/plain", '{"pipeline_id": "1"}')))
    assert PipelinesApi(Connection(server.endpoint), None).find_pipeline("shop") == "1"


def test_a_refusal_in_plain_text(server: Server) -> None:
    text = "Pipeline.Name length cannot exceed 127\n"
    server.state.faults.append(Fault("GET", ".*", answer_page(400, "text/plain; charset=utf-8", text)))
    assert str(failure(server.endpoint)) == (
        f"{server.endpoint} answered Pipeline.Name length cannot exceed 127 (HTTP 400)"
    )


def test_an_error_page_in_another_encoding(server: Server) -> None:
    def answer(handler: object) -> None:
        handler.send_bytes(502, "text/html", b"\xff\xfe bad gateway")  # type: ignore[attr-defined]

    server.state.faults.append(Fault("GET", ".*", answer))
    error = failure(server.endpoint)
    assert str(error) == f"{server.endpoint} answered Bad Gateway (HTTP 502)"
    assert error.may_have_happened


def test_certificates(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    with running(context) as server:
        error = failure(server.endpoint)
        head = (
            f"{server.endpoint} should have a certificate of a known authority (`--tls-authority` names another one) "
            "and speak TLS: "
        )
        assert str(error).startswith(head)
        assert "CERTIFICATE_VERIFY_FAILED" in str(error)
        connection = Connection(server.endpoint, tmp_path / "authority.pem")
        assert PipelinesApi(connection, None).find_pipeline("shop") is None
    with running() as server:  # speaks no TLS
        assert "speak TLS: " in str(failure(server.endpoint.replace("http:", "https:")))


def test_an_authority_that_is_no_certificate(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError) as caught:
        Connection("https://localhost", tmp_path / "missing.pem")
    assert str(caught.value) == f"`--tls-authority` should be a PEM file, received {tmp_path / 'missing.pem'}"


def test_an_authority_file_without_a_certificate(tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    with running() as server:
        error = failure(server.endpoint.replace("http:", "https:"), authority=tmp_path / "text.pem")
    assert "(`--tls-authority` names another one)" in str(error)
    assert "no certificate or crl found" in str(error)
