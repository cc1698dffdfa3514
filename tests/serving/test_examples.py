"""Conversion of rows to serialized examples and back."""

from __future__ import annotations

import math
from typing import Any

import pytest
import tensorflow as tf

from interestflow.serving.client import ClientError
from interestflow.serving.examples import build_example, pack_examples, read_row, split_row
from interestflow.serving.raw_inputs import RawInput

INPUTS = (
    RawInput("user", "string", "value", ""),
    RawInput("item", "string", "value", "", "candidate"),
    RawInput("price", "float32", "value", math.nan, "candidate"),
    RawInput("history_item", "string", "history"),
    RawInput("history_age", "int64", "history"),
)
ROW: dict[str, Any] = {"user": "u1", "item": "é7", "price": 0.5, "history_item": ["a", "b"], "history_age": [20, 3]}


def test_a_row_is_read_back() -> None:
    serialized = build_example(ROW, INPUTS).SerializeToString()
    assert read_row(serialized, INPUTS) == {
        "user": b"u1",
        "item": "é7".encode(),
        "price": 0.5,
        "history_item": [b"a", b"b"],
        "history_age": [20, 3],
    }


@pytest.mark.parametrize("missing", [None, "", math.nan])
def test_missing_values_are_not_written(missing: Any) -> None:
    example = build_example({"user": missing, "price": missing, "history_item": []}, INPUTS)
    assert not example.features.feature
    assert read_row(example.SerializeToString(), INPUTS) == {}


def test_features_that_a_model_does_not_have_are_not_read() -> None:
    example = build_example(ROW, INPUTS)
    example.features.feature["label"].float_list.value.append(1.0)
    example.features.feature["item"].bytes_list.value.append(b"second")
    assert read_row(example.SerializeToString(), INPUTS[1:2]) == {"item": "é7".encode()}


def test_values_of_another_kind_are_named() -> None:
    with pytest.raises(ClientError, match="`user` should be one value"):
        build_example({"user": ["a", "b"]}, INPUTS)
    with pytest.raises(ClientError, match="`price` should be float32, received 'cheap'"):
        build_example({"price": "cheap"}, INPUTS)


def test_rows_are_packed_for_serving_default() -> None:
    arrays = pack_examples([ROW, {}], INPUTS)
    assert arrays.keys() == {"examples"}
    assert (arrays["examples"].shape, arrays["examples"].dtype) == ((2,), object)
    assert tf.train.Example.FromString(arrays["examples"][0]) == build_example(ROW, INPUTS)
    assert arrays["examples"][1] == b""
    assert pack_examples([], INPUTS)["examples"].shape == (0,)


def test_a_row_is_split_into_user_and_candidate() -> None:
    user, candidate = split_row(ROW, INPUTS)
    assert candidate == {"item": "é7", "price": 0.5}
    assert user == {"user": "u1", "history_item": ["a", "b"], "history_age": [20, 3]}
