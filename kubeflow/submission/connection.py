"""Connection to the API of Kubeflow Pipelines: address, token, time limit, and readable errors.

The requests are those of `kfp_server_api`, the generated client inside `kfp.Client`. docs/decisions/kubeflow.md says
why `kfp.Client` itself is not used.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kfp_server_api
import urllib3

from interestflow.kubeflow.submission.errors import ServerError, SubmissionError
from interestflow.kubeflow.submission.token import PATH_VARIABLE, TOKEN_VARIABLE, read_token

OPTION = "--endpoint"
LONGEST_MESSAGE = 400
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 400, 401, 403, 404, 409
JSON = "json"


class Connection:
    """Connection to one API server."""

    def __init__(self, endpoint: str, authority: Path | None = None, request_seconds: float = 30.0) -> None:
        """Prepare the connection; nothing is sent.

        Args:
            endpoint: URL of the API, without `/apis`, e.g. https://kubeflow.example.com/pipeline.
            authority: PEM file of the authority that signed the server's certificate, instead of the public ones.
            request_seconds: seconds after which an unanswered request is given up; kfp's own client waits for ever.
        """
        self.endpoint = check_endpoint(endpoint)
        if authority is not None and not authority.is_file():
            raise SubmissionError(f"`--tls-authority` should be a PEM file, received {authority}")
        self._seconds = request_seconds
        configuration = kfp_server_api.Configuration(host=self.endpoint)
        configuration.ssl_ca_cert = None if authority is None else str(authority)
        # One attempt, and no redirects: a request that may have created something is not repeated unseen, and the
        # token goes nowhere else.
        configuration.retries = False
        configuration.api_key_prefix["authorization"] = "Bearer"
        self._configuration = configuration
        try:
            self.client = kfp_server_api.ApiClient(configuration)
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise SubmissionError(f"`--tls-authority` should be a PEM file with certificates: {error}") from None

    def call(self, function: Callable[..., Any], *arguments: Any, content: str = JSON, **options: Any) -> Any:
        """Call a method of a generated service with the token and the time limit, and return its answer.

        Args:
            function: the method.
            arguments: its arguments.
            content: part of the answer's content type, since the generated client takes any page for an answer.
            options: its further arguments by name.

        Raises:
            ServerError: where the API cannot be reached, does not answer in time, or answers with an error.
            SubmissionError: where the token cannot be read.
        """
        token = read_token()
        self._configuration.api_key = {} if token is None else {"authorization": token}
        options["_request_timeout"] = (self._seconds, self._seconds)
        try:
            answer = function(*arguments, **options)
        except Exception as error:
            raise self._server_error(error, token) from None
        response = self.client.last_response
        content_type = response.getheader("content-type") or "no content type"
        # The server's upload is a handler of its own, which does not say that it answers in JSON in every release.
        if content not in content_type and not (content == JSON and _is_object(response.data)):
            raise self._not_the_api(content_type.partition(";")[0], None)
        return answer

    def _server_error(self, error: Exception, token: str | None) -> Exception:
        """Return the error in one sentence; an error that is no failed request is returned as it is."""
        # Where an answer has no body or another encoding, the generated client fails while it handles the failure.
        is_handled = isinstance(error, (AttributeError, UnicodeDecodeError))
        cause = error.__context__ if is_handled and error.__context__ is not None else error
        if isinstance(cause, kfp_server_api.ApiException):
            return self._refusal(cause, token) if cause.status else self._tls_error(str(cause.reason))
        if isinstance(cause, urllib3.exceptions.SSLError):
            return self._tls_error(str(cause))
        if isinstance(cause, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)):
            reason = str(cause).rpartition(": ")[2]
            return ServerError(f"`{OPTION}` should be an API that can be reached, received {self.endpoint}: {reason}")
        if isinstance(cause, urllib3.exceptions.ReadTimeoutError):
            text = f"{self.endpoint} should answer within {self._seconds:g} seconds (`--request-timeout`), and did not"
            return ServerError(text, may_have_happened=True)
        if isinstance(cause, urllib3.exceptions.HTTPError):
            text = f"{self.endpoint} (`{OPTION}`) closed the connection before it answered: {cause}"
            return ServerError(text, may_have_happened=True)
        return error

    def _tls_error(self, reason: str) -> ServerError:
        reason = reason.splitlines()[-1].strip()[:LONGEST_MESSAGE]
        return ServerError(
            f"{self.endpoint} should have a certificate of a known authority (`--tls-authority` names another one) and "
            f"speak TLS: {reason}"
        )

    def _refusal(self, error: kfp_server_api.ApiException, token: str | None) -> ServerError:
        status, message = error.status, _message(error.body)
        content_type = (error.headers or {}).get("content-type", "no content type").partition(";")[0]
        if message is None and status == BAD_REQUEST and content_type == "text/plain":
            message = _one_line(str(error.body))  # the upload refuses some names so
        if message is not None and token is not None:
            message = message.replace(token, "***")
        if status == UNAUTHORIZED or 300 <= status < 400:
            given = "none was given" if token is None else "the one given was refused"
            return ServerError(
                f"`${TOKEN_VARIABLE}` (or the file `${PATH_VARIABLE}`) should hold a token that {self.endpoint} "
                f"accepts, {given} (HTTP {status})",
                status,
            )
        if status == FORBIDDEN:
            return ServerError(
                f"the owner of the token (`${TOKEN_VARIABLE}`) should have the right to do this in the namespace "
                f"(`--namespace`), {self.endpoint} refused: {message or 'forbidden'}",
                status,
            )
        if message is None and status < 500:
            return self._not_the_api(content_type, status)
        text = f"{self.endpoint} answered {message or error.reason or 'without a message'} (HTTP {status})"
        if message is not None and "namespaces" in message and "not found" in message:
            text = f"`--namespace` should be one that exists, {text}"
        return ServerError(text, status, may_have_happened=status >= 500)

    def _not_the_api(self, content_type: str, status: int | None) -> ServerError:
        answer = content_type if status is None else f"{content_type}, HTTP {status}"
        return ServerError(
            f"`{OPTION}` should be the API of Kubeflow Pipelines, which answers in JSON, received {self.endpoint}, "
            f"which answers with {answer}"
        )


def check_endpoint(endpoint: str) -> str:
    """Return the URL of an API without a trailing slash, or of the interface that stands before it.

    Raises:
        SubmissionError: for what is no URL, and for a URL with a password or a query.
    """
    text = endpoint.partition("#")[0].rstrip("/")
    try:
        parts = urlsplit(text)
        is_usable = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        is_usable = False
    else:
        if parts.username is not None or parts.password is not None or parts.query:
            raise SubmissionError(
                f"`{OPTION}` should hold no user, password or query (`${TOKEN_VARIABLE}` holds a token), received some"
            )
    if not is_usable:
        raise SubmissionError(f"`{OPTION}` should be a URL such as http://localhost:8888, received {endpoint!r}")
    return text


def _message(body: Any) -> str | None:
    """Return the message of an error of the API, in one line; None where the body is none of the API's errors."""
    try:
        content = json.loads(body)
    except (TypeError, ValueError):
        return None
    if not isinstance(content, dict):
        return None
    # The services name it `message`, the upload `error_message`.
    texts = [content.get(key) for key in ("message", "error_message", "error")]
    message = next((text for text in texts if isinstance(text, str) and text), None)
    return None if message is None else _one_line(message)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:LONGEST_MESSAGE]


def _is_object(text: Any) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (TypeError, ValueError):
        return False
