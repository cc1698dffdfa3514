"""Values look as Go and ML Metadata make them look."""

from __future__ import annotations

from typing import Any

import pytest

from interestflow.kubeflow.backend.errors import StepError
from interestflow.kubeflow.backend.values import as_doubles, json_text, stored_metadata, value_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"), (0.5, "0.5"), (-0.05, "-0.05"), (7751396592773839872.0, "7751396592773840000"), (1e21, "1e+21"),
        (True, "true"), (None, "null"), ({"b": [1.0, "é"], "a": {}}, '{"b":[1,"é"],"a":{}}'),
    ],
)  # fmt: skip
def test_json_has_no_spaces_and_doubles_as_go_writes_them(value: Any, text: str) -> None:
    assert json_text(value) == text


def test_json_can_be_sorted() -> None:
    assert json_text({"b": 1.0, "a": {"d": 2, "c": 3}}, is_sorted=True) == '{"a":{"c":3,"d":2},"b":1}'


def test_integers_become_doubles_and_booleans_stay() -> None:
    doubles = as_doubles({"n": 3, "flag": True, "items": [1, "1"]})
    assert doubles == {"n": 3.0, "flag": True, "items": [1.0, "1"]}
    assert [type(doubles["n"]), type(doubles["flag"]), type(doubles["items"][0])] == [float, bool, float]


def test_a_text_is_itself_and_other_values_are_json() -> None:
    assert [value_text(value) for value in ("a b", 2.0, False, ["a"])] == ["a b", "2", "false", '["a"]']


def test_metadata_comes_back_as_ml_metadata_keeps_it() -> None:
    stored = stored_metadata("model", {"n": 3, "flag": True, "off": False, "items": [1], "by": {"a": 2}, "text": "x"})
    assert stored == {
        "n": 3.0, "flag": 1.0, "off": 0.0, "items": {"list": [1.0]}, "by": {"struct": {"a": 2.0}}, "text": "x",
    }  # fmt: skip
    assert type(stored["flag"]) is float


def test_null_in_metadata_is_refused() -> None:
    with pytest.raises(
        StepError, match=r"metadata `auc` of output `model` is null, .*value type \*structpb.Value_Null"
    ):
        stored_metadata("model", {"auc": None})
