"""Inputs of a signature: which tensors a request should send for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from interestflow.serving.server.limits import RequestLimits
from interestflow.serving.server.signature_inputs import SignatureInputs
from tests.serving.server.checks import invalid_message

LIMITS = RequestLimits(max_candidates=10, max_expanded_bytes=2000)


def signature(**inputs: tuple[Any, int]) -> meta_graph_pb2.SignatureDef:
    """Return a signature with inputs by name, each a dtype and a number of open axes."""
    definition = meta_graph_pb2.SignatureDef()
    for name, (dtype, axes) in inputs.items():
        info = definition.inputs[name]
        info.name, info.dtype = f"rank_{name}:0", dtype.as_datatype_enum
        for _ in range(axes):
            info.tensor_shape.dim.add(size=-1)
    return definition


RANK = signature(item=(tf.string, 2), history_item=(tf.string, 2), price=(tf.float32, 2))
REQUEST = {
    "item": tf.make_tensor_proto([["i1", "i2"]]),
    "history_item": tf.make_tensor_proto([["i3"]]),
    "price": tf.make_tensor_proto([[0.5, 1.5]]),
}


def test_a_request_becomes_arrays() -> None:
    inputs = SignatureInputs(RANK)
    arrays = inputs.decode(REQUEST, LIMITS)
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "item": [[b"i1", b"i2"]], "history_item": [[b"i3"]], "price": [[0.5, 1.5]],
    }  # fmt: skip
    assert inputs.specs["item"].feed == "rank_item:0"


def test_other_inputs_are_refused_in_tensorflow_servings_words() -> None:
    inputs = SignatureInputs(RANK)
    without = {name: proto for name, proto in REQUEST.items() if name != "price"}
    assert invalid_message(lambda: inputs.decode(without, LIMITS)) == (
        "input size does not match signature: 2!=3 len({history_item,item}) != len({history_item,item,price}). "
        "Sent extra: {}. Missing but required: {price}."
    )
    other = without | {"colour": REQUEST["price"]}
    assert "Sent extra: {colour}. Missing but required: {price}." in invalid_message(
        lambda: inputs.decode(other, LIMITS)
    )
    assert "Sent extra: {colour}." in invalid_message(lambda: inputs.decode(REQUEST | other, LIMITS))


def test_limits_hold_for_each_tensor_and_for_all_together() -> None:
    inputs = SignatureInputs(RANK, lists={"history_item"})
    matrix = tf.make_tensor_proto("i1", shape=[3, 4])
    assert "`item` should have at most 10 rows times candidates" in invalid_message(
        lambda: inputs.decode(REQUEST | {"item": matrix}, LIMITS)
    )
    assert inputs.decode(REQUEST | {"history_item": matrix}, LIMITS)["history_item"].shape == (3, 4)
    # Without a description no sizes are known.
    assert SignatureInputs(RANK).decode(REQUEST | {"item": matrix}, LIMITS)["item"].shape == (3, 4)
    large = {"item": tf.make_tensor_proto("i", shape=[1, 10]), "history_item": tf.make_tensor_proto("i", shape=[3, 7])}
    assert "up to `item`" in invalid_message(lambda: inputs.decode(REQUEST | large, LIMITS))


def test_a_tensor_of_no_values_is_measured_before_it_is_made() -> None:
    proto = tf.make_tensor_proto("", shape=[1, 1])
    proto.tensor_shape.dim[1].size = 2**60
    assert "should have axes of at most 10" in invalid_message(
        lambda: SignatureInputs(RANK).decode(REQUEST | {"item": proto}, LIMITS)
    )


def test_lists_in_examples_are_measured() -> None:
    example = tf.train.Example()
    example.features.feature["tags"].bytes_list.value.extend([b"t"] * 11)
    inputs = SignatureInputs(signature(examples=(tf.string, 1)))
    proto = tf.make_tensor_proto([example.SerializeToString()])
    assert "feature `tags` in `examples`" in invalid_message(lambda: inputs.decode({"examples": proto}, LIMITS))


def test_an_input_with_a_default_may_be_left_out() -> None:
    definition = signature(x=(tf.float32, 1), scale=(tf.float32, 0))
    definition.defaults["scale"].CopyFrom(tf.make_tensor_proto(np.float32(2.0)))
    inputs = SignatureInputs(definition)
    x = tf.make_tensor_proto(np.float32([1.0]))
    assert inputs.decode({"x": x}, LIMITS)["scale"].tolist() == 2.0
    assert inputs.decode({"x": x, "scale": tf.make_tensor_proto(np.float32(3.0))}, LIMITS)["scale"].tolist() == 3.0
    assert "Missing but required: {x}" in invalid_message(lambda: inputs.decode({}, LIMITS))
