"""Sections of ingestion that concern time, and the constraints between them."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from pydantic import ValidationError

from interestflow.transforms.config import IngestionConfig, SplitConfig

LOG: dict[str, Any] = {
    "data": {
        "events": {
            "path": "events.csv", "format": "csv", "user": "user", "item": "item", "timestamp": "time",
            "event_type": "kind", "event_types": ["view", "buy"],
        },
    },
    "tasks": [
        {"name": "click", "label": {"column": "clicked"}, "mask": {"event_types": ["view"]}},
        {"name": "buy", "label": {"event_types": ["buy"]}},
    ],
}  # fmt: skip


def test_every_condition_has_the_path_of_its_key() -> None:
    config = IngestionConfig.model_validate(LOG)
    assert [path for path, _ in config.conditions()] == [
        "tasks.0.label", "tasks.1.label", "tasks.0.mask", "sequence.behaviours",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train": 0.9}, "should sum to 1, received 1.1"),
        ({"train": 0.9, "validation": 0.1, "test": 0.0}, "should each be more than 0"),
        ({"validation_from": 5.0}, "should have both `validation_from` and `test_from`, or neither"),
        ({"validation_from": 5.0, "test_from": 5.0}, "`test_from` should be later than `validation_from`, 5.0"),
        ({"validation_from": "2024-02-01", "test_from": 5.0}, "`test_from` should be later"),
    ],
)
def test_a_split_that_is_none(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SplitConfig.model_validate(values)


def test_dates_become_text() -> None:
    dates = {"validation_from": datetime.date(2024, 1, 31), "test_from": datetime.date(2024, 2, 5)}
    split = SplitConfig.model_validate(dates)
    assert (split.validation_from, split.test_from) == ("2024-01-31", "2024-02-05")


@pytest.mark.parametrize("column", ["clicked", "kind"])
def test_what_labels_are_made_from_is_not_shown_with_the_target(column: str) -> None:
    attribute = {"name": "shown", "from": "events", "column": column}
    with pytest.raises(ValidationError, match=f"would show the model column '{column}', from which the label is made"):
        IngestionConfig.model_validate(LOG | {"features": {"attributes": [attribute]}})
    config = IngestionConfig.model_validate(LOG | {"features": {"attributes": [attribute | {"use": ["history"]}]}})
    assert [history_attribute.name for history_attribute in config.features.history_attributes()] == ["shown"]
