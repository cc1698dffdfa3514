"""Raw features: their description, and the conversion of padded tensors to what parsing returns."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from interestflow.serving.raw_inputs import (
    RawInput,
    describe_raw_inputs,
    features_from_tensors,
    missing_features,
    parsing_spec,
)

SPEC = {
    "item": tf.io.FixedLenFeature([], tf.string),
    "price": tf.io.FixedLenFeature([], tf.float32, 2.5),
    "hour": tf.io.FixedLenFeature([], tf.int64),
    "tags": tf.io.VarLenFeature(tf.string),
    "history_item": tf.io.VarLenFeature(tf.string),
}
INPUTS = (
    RawInput("history_item", "string", "history"),
    RawInput("hour", "int64", "value", 0),
    RawInput("item", "string", "value", "", "candidate"),
    RawInput("price", "float32", "value", 2.5, "candidate"),
    RawInput("tags", "string", "list", None, "candidate"),
)


def test_a_parsing_specification_is_described() -> None:
    assert describe_raw_inputs(SPEC, {"item", "price", "tags"}) == INPUTS
    assert describe_raw_inputs({"price": tf.io.FixedLenFeature([], tf.float32)})[0].default is math.nan


def test_a_raw_feature_of_fixed_length_is_refused() -> None:
    with pytest.raises(ValueError, match="raw feature `vector` should be"):
        describe_raw_inputs({"vector": tf.io.FixedLenFeature([8], tf.float32)})


def test_shapes_of_the_signatures() -> None:
    by_name = {raw.name: raw for raw in INPUTS}
    assert by_name["hour"].tensor_spec == tf.TensorSpec([None], tf.int64, name="hour")
    assert by_name["hour"].ranked_tensor_spec == by_name["hour"].tensor_spec
    assert by_name["item"].ranked_tensor_spec == tf.TensorSpec([None, None], tf.string, name="item")
    assert by_name["tags"].ranked_tensor_spec == tf.TensorSpec([None, None, None], tf.string, name="tags")


def test_inputs_survive_json() -> None:
    assert [RawInput(**raw.as_json()) for raw in INPUTS] == list(INPUTS)


def test_missing_features_are_what_parsing_gives_for_empty_examples() -> None:
    examples = [tf.train.Example().SerializeToString()] * 3
    parsed, missing = tf.io.parse_example(examples, parsing_spec(INPUTS)), missing_features(INPUTS, 3)
    assert parsed.keys() == missing.keys()
    for name, expected in parsed.items():
        value = missing[name]
        if isinstance(expected, tf.SparseTensor):
            assert value.dense_shape.numpy().tolist() == [3, 0]
            expected, value = tf.sparse.to_dense(expected), tf.sparse.to_dense(value)
        assert value.dtype == expected.dtype
        np.testing.assert_array_equal(value.numpy(), expected.numpy())


def test_padding_is_told_from_values_by_the_item_of_the_step() -> None:
    """A step with an age of 0 and no category stays; one without an item goes, wherever it stands."""
    inputs = tuple(RawInput(f"history_{name}", dtype, "history") for name, dtype in
                   (("item", "string"), ("category", "string"), ("age", "int64")))  # fmt: skip
    features = features_from_tensors(
        inputs,
        {
            "history_item": tf.constant([["a", "b", ""], ["", "", ""], ["", "c", "d"]]),
            "history_category": tf.constant([["x", "", ""], ["", "", ""], ["", "y", "z"]]),
            "history_age": tf.constant([[5, 0, 0], [0, 0, 0], [0, 2, 1]], tf.int64),
        },
    )
    lists = {name: tf.RaggedTensor.from_sparse(value).to_list() for name, value in features.items()}
    assert lists == {
        "history_item": [[b"a", b"b"], [], [b"c", b"d"]],
        "history_category": [[b"x", b""], [], [b"y", b"z"]],
        "history_age": [[5, 0], [], [2, 1]],
    }


def test_values_that_count_as_missing_are_no_part_of_a_list() -> None:
    inputs = (RawInput("tags", "string", "list"), RawInput("weights", "float32", "list"))
    tensors = {"tags": tf.constant([["a", "", "b"]]), "weights": tf.constant([[0.0, math.nan, 2.0]])}
    features = features_from_tensors(inputs, tensors)
    lists = {name: tf.RaggedTensor.from_sparse(value).to_list() for name, value in features.items()}
    assert lists == {"tags": [[b"a", b"b"]], "weights": [[0.0, 2.0]]}
