"""Attributes as examples hold them: text, numbers and lists; what is missing is the last row."""

import math

import numpy as np
import polars as pl

from interestflow.transforms.config import AttributeConfig
from interestflow.transforms.examples.attributes import attribute_values, row_index


def attribute(**settings: object) -> AttributeConfig:
    return AttributeConfig.model_validate({"from": "items", "use": ["target", "history"], **settings})


def test_missing_text_is_empty() -> None:
    values = attribute_values(pl.DataFrame({"a": ["x", None, "é"]}), [attribute(name="a")])
    assert values.target["a"].to_pylist() == [b"x", b"", "é".encode(), b""]
    assert values.history["a"].to_pylist() == [b"x", b"", "é".encode(), b""]


def test_integers_and_truth_values_become_text() -> None:
    frame = pl.DataFrame({"a": [5, 12], "b": [True, False]})
    values = attribute_values(frame, [attribute(name="a"), attribute(name="b")])
    assert values.target["a"].to_pylist() == [b"5", b"12", b""]
    assert values.target["b"].to_pylist() == [b"true", b"false", b""]


def test_numbers_that_cannot_be_read_are_missing_and_counted() -> None:
    frame = pl.DataFrame({"p": ["1.5", "cheap", None, "2"]})
    values = attribute_values(frame, [attribute(name="p", kind="numeric", quantiles=2)])
    expected = [1.5, math.nan, math.nan, 2.0, math.nan]
    np.testing.assert_array_equal(values.target["p"].to_numpy(zero_copy_only=False), expected)
    assert values.unreadable == {"p": 1}


def test_lists_come_from_text_or_from_lists_and_are_joined_along_the_history() -> None:
    frame = pl.DataFrame({"t": ["a|b", "", None, "c||d"], "l": [["a", "b"], [], None, ["c", None]]})
    text, listed = attribute(name="t", kind="categorical_list"), attribute(name="l", kind="categorical_list")
    values = attribute_values(frame, [text, listed])
    assert values.target["t"].to_pylist() == [[b"a", b"b"], [], [], [b"c", b"d"], []]
    assert values.history["t"].to_pylist() == [b"a|b", b"", b"", b"c|d", b""]
    assert values.target["l"].to_pylist() == [[b"a", b"b"], [], [], [b"c"], []]
    assert values.history["l"].to_pylist() == [b"a|b", b"", b"", b"c", b""]


def test_values_exist_only_for_the_configured_use() -> None:
    values = attribute_values(pl.DataFrame({"a": ["x"]}), [attribute(name="a", use=["history"])])
    assert list(values.target) == []
    assert list(values.history) == ["a"]


def test_an_attribute_may_have_another_name_than_its_column() -> None:
    values = attribute_values(pl.DataFrame({"class:token": ["x"]}), [attribute(name="a", column="class:token")])
    assert values.target["a"].to_pylist() == [b"x", b""]


def test_row_index_is_the_position_of_each_id() -> None:
    known_values = pl.Series(["b", "a"])
    assert row_index(pl.Series(["a", "c", "b", "a"]), known_values).tolist() == [1, 2, 0, 1]
    assert row_index(pl.Series([], dtype=pl.String), known_values).tolist() == []
