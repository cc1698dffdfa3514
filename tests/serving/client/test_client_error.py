"""gRPC errors become client errors of one sentence."""

from __future__ import annotations

import grpc
import pytest

from interestflow.serving.client.client_error import ClientError, client_error
from tests.serving.client.rpc_failure import RpcFailure


@pytest.mark.parametrize(
    ("code", "details", "sentence"),
    [
        (grpc.StatusCode.UNAVAILABLE, "refused", "the server at host:1 is not available: refused"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", "the server at host:1 did not answer in time"),
        (grpc.StatusCode.NOT_FOUND, "Servable not found", "Servable not found"),
        (grpc.StatusCode.UNKNOWN, None, "no details"),
        (grpc.StatusCode.UNKNOWN, "", "no details"),
    ],
)
def test_an_error_is_one_sentence(code: grpc.StatusCode, details: str | None, sentence: str) -> None:
    error = client_error(RpcFailure(code, details), "host:1")
    assert (str(error), error.code) == (sentence, code)


def test_a_refusal_by_the_client_itself_has_no_code() -> None:
    assert ClientError("wrong").code is None
