"""Errors of requests: which part of TensorFlow's message reaches the client."""

from __future__ import annotations

import grpc
import pytest
import tensorflow as tf

from interestflow.serving.server.errors import MAX_MESSAGE_BYTES, ServingError, graph_error, invalid, not_found


def message_of(text: str) -> str:
    return graph_error(tf.errors.InvalidArgumentError(None, None, text)).message


def test_codes() -> None:
    assert invalid("no").code == grpc.StatusCode.INVALID_ARGUMENT
    assert not_found("no").code == grpc.StatusCode.NOT_FOUND
    assert str(invalid("no")) == "no"
    assert graph_error(tf.errors.ResourceExhaustedError(None, None, "full")).code == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_an_operation_that_is_cancelled_because_another_failed_is_the_requests_fault() -> None:
    assert graph_error(tf.errors.CancelledError(None, None, "Loop execution was cancelled.")).code == (
        grpc.StatusCode.INVALID_ARGUMENT
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("slice index 1 is out of bounds.\n\t [[{{node slice}}]]", "slice index 1 is out of bounds."),
        ("{{function_node __a_1}} {{function_node __b_2}} Broadcast is not supported", "Broadcast is not supported"),
        (
            "2 root error(s) found.\n  (0) INVALID_ARGUMENT: {{function_node __a}} `k` is 0\n\t [[]]\n  (1) UNKNOWN: x",
            "`k` is 0",
        ),
        ("", "the model's graph failed without a message"),
    ],
    ids=["node", "function", "roots", "empty"],
)  # fmt: skip
def test_the_sentence_that_says_what_is_wrong(text: str, expected: str) -> None:
    assert message_of(text) == expected


def test_a_message_that_is_no_utf_8() -> None:
    content = b"Could not parse example input, value: '\xff\xfe'\n\t [[{{node ParseExample}}]]"
    with pytest.raises(UnicodeDecodeError) as raised:
        content.decode()
    error = graph_error(raised.value)
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT
    assert error.message == r"Could not parse example input, value: '\xff\xfe'"


def test_a_long_message_is_cut_to_what_headers_can_hold() -> None:
    assert len(ServingError(grpc.StatusCode.INTERNAL, "é" * MAX_MESSAGE_BYTES).message.encode()) <= MAX_MESSAGE_BYTES
    assert ServingError(grpc.StatusCode.INTERNAL, "a" * 5000).message == "a" * (MAX_MESSAGE_BYTES - 5) + " ..."
    assert ServingError(grpc.StatusCode.INTERNAL, "a" * MAX_MESSAGE_BYTES).message == "a" * MAX_MESSAGE_BYTES
    assert ServingError(grpc.StatusCode.INTERNAL, "\ud800").message == r"\ud800"
