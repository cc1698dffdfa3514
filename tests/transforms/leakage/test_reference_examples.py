"""The reference implementation of examples, on one small log that is worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from interestflow.transforms.leakage.reference_examples import (
    ReferenceExamples,
    distinct_events,
    parse_float32,
    to_rows,
)
from tests.transforms.small_config import shop

SECOND = 1_000_000
ATTRIBUTES = [
    {"name": "tags", "from": "items", "kind": "categorical_list", "use": ["target", "history"]},
    {"name": "price", "from": "items", "kind": "numeric"},
    {"name": "stars", "from": "events", "use": ["history"]},
    {"name": "country", "from": "users"},
]
ITEMS = {"a": {"tags": "x|y||", "price": "2.5"}, "b": {"tags": '["z", 3, null]', "price": "cheap"}}
LOG = [  # item, seconds, click, stars
    ("a", 10, "1", "5"),
    ("b", 20, "1", None),
    ("c", 20, "0", "3"),
    ("a", 30, "1", "4"),
    ("b", 40, "1", "2"),
]


def expected(**sections: Any) -> ReferenceExamples:
    rows = [
        {"user": "u", "item": item, "timestamp": seconds * SECOND, "order": order, "click": click, "stars": stars}
        for order, (item, seconds, click, stars) in enumerate(LOG)
    ]
    config = shop(
        data={name: {"path": f"{name}.csv", "format": "csv", "id": "id"} for name in ("items", "users")},
        features={"attributes": ATTRIBUTES},
        **sections,
    )
    return ReferenceExamples(rows, config, ITEMS, {})


def test_the_features_of_an_event() -> None:
    log = expected(sequence={"max_length": 2})
    features = log.features(log.events[4])
    price = features.pop("price")
    assert np.isnan(price).tolist() == [True]
    assert features == {
        "user": ["u"], "item": ["b"], "timestamp": [40 * SECOND], "label_click": [1.0],
        "history_item": ["c", "a"], "history_age": [20, 10], "history_count": [4],
        "history_tags": ["", "x|y"], "history_stars": ["3", "4"], "tags": ["z", "3"], "country": [""],
    }  # fmt: skip


def test_the_history_has_nothing_simultaneous_and_nothing_within_the_delay() -> None:
    log = expected()
    assert [log.features(event)["history_item"] for event in log.events] == [
        [], ["a"], ["a"], ["a", "b", "c"], ["a", "b", "c", "a"],
    ]  # fmt: skip
    # At 20 the event at 10 is exactly 10 old: `10 + 10 < 20` does not hold.
    late = expected(sequence={"availability_delay": 10})
    assert [late.features(event)["history_item"] for event in late.events] == [[], [], [], ["a"], ["a", "b", "c"]]


def test_the_history_has_only_behaviours() -> None:
    log = expected(sequence={"behaviours": {"column": "stars", "at_least": 4}})
    assert log.features(log.events[4])["history_item"] == ["a", "a"]


def test_a_sampled_negative_is_its_positive_with_another_item() -> None:
    log = expected(negatives={"source": "sampled"})
    positive, negative = log.features(log.events[3]), log.features(log.events[3], sampled_item="b")
    assert (negative["item"], negative["label_click"], negative["tags"]) == (["b"], [0.0], ["z", "3"])
    assert {name for name in positive if positive[name] != negative[name]} == {"item", "label_click", "tags", "price"}
    assert [log.is_example(event) for event in log.events] == [True, True, False, True, True]


def test_a_masked_task_has_neither_label_nor_example() -> None:
    task = {"name": "like", "label": {"column": "stars", "one_of": [3, 4]}, "mask": {"column": "click"}}
    log = expected(tasks=[task])
    features = [log.features(event) for event in log.events]
    assert [(example["label_like"], example["mask_like"]) for example in features] == [
        ([0.0], [1.0]), ([0.0], [1.0]), ([0.0], [0.0]), ([1.0], [1.0]), ([0.0], [1.0]),
    ]  # fmt: skip
    assert [log.is_example(event) for event in log.events] == [True, True, False, True, True]


def test_rows_are_text_and_repeats_are_left_out() -> None:
    frame = pl.DataFrame(
        {"user": ["u"] * 3, "timestamp": [5, 5, 1], "order": [0, 1, 2], "stars": [4.0, 4.0, 4.5], "seen": [True] * 3}
    )
    rows = to_rows(frame)
    assert rows[0] == {"user": "u", "timestamp": 5, "order": 0, "stars": "4.0", "seen": "true"}
    assert [row["order"] for row in distinct_events(rows)] == [2, 0]


def test_numbers_of_32_bits() -> None:
    assert parse_float32("0.1", -1.0) == float(np.float32(0.1))
    assert [parse_float32(text, -1.0) for text in ("", "x", "1_0", " 1", "nan")] == [-1.0] * 5
