"""The description of a model's inputs."""

from __future__ import annotations

import json

from interestflow.models.inputs import ModelInputs
from tests.models.support.random_features import COMPACT, PLAIN, RICH


def test_tensors_by_name() -> None:
    assert PLAIN.tensors() == {
        "item": ((), "int64"),
        "history_item": ((6,), "int64"),
        "history_age": ((6,), "int64"),
    }
    assert RICH.tensors() == {
        "item": ((), "int64"),
        "user": ((), "int64"),
        "history_item": ((6,), "int64"),
        "history_age": ((6,), "int64"),
        "category": ((), "int64"),
        "history_category": ((6,), "int64"),
        "tags": ((3,), "int64"),
        "history_tags": ((6, 3), "int64"),
        "history_rating": ((6,), "int64"),
        "history_reasons": ((6, 2), "int64"),
        "device": ((), "int64"),
        "history_device": ((6,), "int64"),
        "groups": ((2,), "int64"),
        "price": ((), "float32"),
        "hour": ((), "float32"),
    }


def test_rows_by_tensor() -> None:
    assert PLAIN.rows() == {"item": 21, "history_item": 21, "history_age": 9}
    assert RICH.rows() == {
        "item": 21,
        "user": 9,
        "history_item": 21,
        "history_age": 9,
        "category": 6,
        "history_category": 6,
        "tags": 7,
        "history_tags": 7,
        "history_rating": 6,
        "history_reasons": 5,
        "device": 4,
        "history_device": 4,
        "groups": 5,
    }


def test_where_each_category_belongs() -> None:
    assert [c.name for c in RICH.item_attributes] == ["category", "tags"]
    assert [c.name for c in RICH.behaviour_attributes] == ["rating", "reasons", "device"]
    assert [c.name for c in RICH.other_categories] == ["device", "groups"]


def test_json_and_back() -> None:
    for inputs in (PLAIN, RICH, COMPACT):
        assert ModelInputs.from_json(inputs.to_json()) == inputs


def test_json_from_before_tables_had_layouts() -> None:
    written = json.loads(RICH.to_json())
    del written["item_layout"], written["user_layout"]
    for category in written["categorical"]:
        del category["layout"]
    assert ModelInputs.from_json(json.dumps(written)) == RICH
