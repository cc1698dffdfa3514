"""Columns that the configuration uses, and their names in frames."""

from __future__ import annotations

import pytest

from interestflow.transforms.reading.columns import event_columns, extra_columns, frame_column
from tests.transforms.small_config import shop


@pytest.mark.parametrize(
    ("name", "expected"),
    [("colour", "colour"), ("user", "log.user"), ("order", "log.order"), ("log.user", "log.log.user")],
)
def test_a_column_named_like_a_reserved_one_gets_a_prefix(name: str, expected: str) -> None:
    assert frame_column(name) == expected


def test_event_columns_are_all_that_the_configuration_names() -> None:
    config = shop(
        events={"event_type": "type", "true_probability": "truth"},
        tasks=[
            {"name": "like", "label": {"column": "stars", "at_least": 4}, "mask": {"column": "seen"}},
            {"name": "buy", "label": {"event_types": ["buy"]}},
        ],
        sequence={"behaviours": {"column": "played"}},
        features={"attributes": [{"name": "device", "from": "events", "column": "agent"}]},
    )
    assert list(event_columns(config)) == [
        "user_id", "item_id", "at", "type", "truth", "stars", "seen", "played", "agent",
    ]  # fmt: skip


def test_a_column_that_is_also_an_attribute_is_kept_under_its_name_in_frames() -> None:
    config = shop(
        events={"timestamp": "timestamp"},
        features={"attributes": [{"name": "when", "from": "events", "column": "timestamp", "kind": "numeric"}]},
    )
    assert extra_columns(config) == {"click": "click", "timestamp": "log.timestamp"}
    assert event_columns(config) == {
        "user_id": "user_id", "item_id": "item_id", "timestamp": "log.timestamp", "click": "click",
    }  # fmt: skip
