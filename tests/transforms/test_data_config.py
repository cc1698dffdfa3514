"""Conditions that select events."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from interestflow.transforms.data_config import Condition


@pytest.mark.parametrize(
    "values",
    [{"every_event": True}, {"event_types": ["buy"]}, {"column": "rating"}, {"column": "rating", "at_least": 4}],
)
def test_one_way_to_select(values: dict[str, Any]) -> None:
    assert Condition.model_validate(values).model_dump(exclude_unset=True).keys() == values.keys()


@pytest.mark.parametrize("values", [{}, {"every_event": True, "column": "rating"}, {"at_least": 4.0}])
def test_no_way_or_two(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="should name exactly one of"):
        Condition.model_validate(values)


@pytest.mark.parametrize("values", [{"column": "c", "at_least": 1, "at_most": 2}, {"every_event": True, "one_of": [1]}])
def test_at_most_one_comparison_of_a_column(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="should have at most one of"):
        Condition.model_validate(values)
