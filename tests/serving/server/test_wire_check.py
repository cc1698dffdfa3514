"""The memory that a message will need is measured before it is parsed."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import predict_pb2

from interestflow.serving.server.errors import ServingError
from interestflow.serving.server.limits import STRING_BYTES
from interestflow.serving.server.wire_check import check_fields
from tests.serving.server.hostile_requests import field, nested, tensor_fields, varint

DESCRIPTOR = predict_pb2.PredictRequest.DESCRIPTOR


def refuses(content: bytes, max_bytes: int) -> bool:
    try:
        check_fields(content, DESCRIPTOR, max_bytes)
    except ServingError:
        return True
    return False


def fewest_fields(content: bytes) -> int:
    """Return the smallest limit, in fields, that lets a message pass."""
    return next(count for count in range(1000) if not refuses(content, count * STRING_BYTES))


def test_fields_are_counted_wherever_they_are() -> None:
    message = predict_pb2.PredictRequest(output_filter=["a", "b"])
    assert fewest_fields(message.SerializeToString()) == 2
    message.model_spec.name = "ranker"
    message.model_spec.version.value = 300
    assert fewest_fields(message.SerializeToString()) == 2 + 1 + 2 + 1
    message.inputs["x"].CopyFrom(tf.make_tensor_proto(["a", "b", "c"]))
    # The entry, its key and value; dtype, shape, axis and its size; three texts.
    assert fewest_fields(message.SerializeToString()) == 6 + 3 + 4 + 3


def test_texts_and_contents_are_one_value_whatever_they_hold() -> None:
    assert fewest_fields(field(3, b"\x1a\x00" * 500)) == 1
    message = predict_pb2.PredictRequest()
    message.inputs["x"].CopyFrom(tf.make_tensor_proto(np.zeros(1000, np.float32)))
    assert fewest_fields(message.SerializeToString()) == 3 + 4 + 1


def test_packed_numbers_count_by_their_size_once_parsed() -> None:
    packed = tensor_fields(types_pb2.DT_INT64, field(10, varint(300) * 64), 64)
    unpacked = fewest_fields(tensor_fields(types_pb2.DT_INT64, b"", 64))
    assert fewest_fields(packed) == unpacked + 1 + 64 * 8 // STRING_BYTES
    packed = tensor_fields(types_pb2.DT_INT32, field(7, b"\x01" * 64), 64)
    assert fewest_fields(packed) == unpacked + 1 + 64 * 4 // STRING_BYTES


@pytest.mark.parametrize(
    "content",
    [b"\xff", b"\x0a", b"\x0a\x05ab", varint(5 << 3 | 1) + b"ab", b"\x80" * 100, b"\x03\x04"],
    ids=["tag", "length", "short", "fixed", "endless", "groups"],
)
def test_what_is_no_message_is_left_to_the_parser(content: bytes) -> None:
    assert not refuses(content, 1000 * STRING_BYTES)


def test_unknown_fields_count_and_depth_is_no_matter() -> None:
    assert fewest_fields(field(999, b"") * 7 + varint(998 << 3 | 5) + b"abcd" + varint(997 << 3 | 1) + b"abcdefgh") == 9
    assert not refuses(nested(10_000), 1000 * STRING_BYTES)


def test_the_message_says_how_many_there_may_be() -> None:
    with pytest.raises(ServingError, match="at most 2 fields and values in it") as raised:
        check_fields(field(3, b"") * 3, DESCRIPTOR, 2 * STRING_BYTES)
    assert raised.value.code == grpc.StatusCode.INVALID_ARGUMENT
