"""Limits of what a request may ask for."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from interestflow.serving.server.limits import STRING_BYTES, RequestLimits, expanded_bytes
from tests.serving.server.checks import invalid_message

LIMITS = RequestLimits(max_candidates=10, max_expanded_bytes=1000)
OPEN = (-1, -1)


def test_axes_that_the_signature_leaves_open_are_bounded() -> None:
    LIMITS.check_shape("x", (10, 10), OPEN, False)
    LIMITS.check_shape("x", (1, 224), (-1, 224), False)  # as the signature says
    for shape, sizes in (((11,), (-1,)), ((1, 11), OPEN), ((1, 225), (-1, 224)), ((1, 11), (-1,)), ((11,), ())):
        message = invalid_message(lambda shape=shape, sizes=sizes: LIMITS.check_shape("x", shape, sizes, False))
        assert message == (f"`x` should have axes of at most 10 (`max_candidates`), received the shape {list(shape)}")


def test_rows_times_candidates_are_bounded() -> None:
    LIMITS.check_shape("item", (2, 5), OPEN, True)
    LIMITS.check_shape("history_item", (10, 10), OPEN, False)
    LIMITS.check_shape("user", (10,), (-1,), True)
    assert invalid_message(lambda: LIMITS.check_shape("item", (3, 4), OPEN, True)) == (
        "`item` should have at most 10 rows times candidates (`max_candidates`), received the shape [3, 4]"
    )


def test_memory_is_bounded() -> None:
    LIMITS.check_bytes("x", 1000)
    assert invalid_message(lambda: LIMITS.check_bytes("x", 1001)) == (
        "the tensors of a request should take at most 1,000 bytes (`max_expanded_bytes`), "
        "received 1,001 or more up to `x`"
    )  # fmt: skip


def test_memory_of_a_tensor_counts_values_that_stand_for_many() -> None:
    numbers = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[1.0])
    assert expanded_bytes(numbers, (1000, 1000)) == 4_000_000
    text = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[b"abc", b"defgh"])
    assert expanded_bytes(text, (2,)) == 2 * STRING_BYTES + 3 + 5
    assert expanded_bytes(text, (10,)) == 10 * STRING_BYTES + 3 + 9 * 5
    assert expanded_bytes(tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING), (10,)) == 10 * STRING_BYTES
    content = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, tensor_content=b"\x03abc")
    assert expanded_bytes(content, (1,)) == STRING_BYTES + 4


def test_lists_inside_examples_are_bounded() -> None:
    def example(values: int) -> bytes:
        feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[1] * values))
        return tf.train.Example(features=tf.train.Features(feature={"history_age": feature})).SerializeToString()

    LIMITS.check_examples("examples", np.array([example(10), b"", b"x" * 100, b"\xff" * 100], object))
    message = invalid_message(lambda: LIMITS.check_examples("examples", np.array([example(1), example(11)], object)))
    assert message == (
        "feature `history_age` in `examples` should have at most 10 values (`max_candidates`), received 11"
    )


def test_a_feature_without_values_is_no_long_list() -> None:
    example = tf.train.Example()
    example.features.feature["nothing" * 10].SetInParent()
    LIMITS.check_examples("examples", np.array([example.SerializeToString()], object))


def test_the_defaults_let_real_requests_pass() -> None:
    limits = RequestLimits()
    limits.check_shape("item", (1, 10_000), OPEN, True)
    limits.check_shape("examples", (1000,), (-1,), True)
    limits.check_bytes("examples", 1000 * (STRING_BYTES + 5000))
