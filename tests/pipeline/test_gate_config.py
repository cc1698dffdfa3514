"""Bounds and margins of the gate."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from interestflow.pipeline.gate_config import DataValidationConfig, GateConfig

DEFAULT = {"auc": 0.005}


def test_the_margins_are_those_given_or_the_familys() -> None:
    assert GateConfig().margins(DEFAULT) == DEFAULT
    assert GateConfig(champion_margin={}).margins(DEFAULT) == {}
    assert GateConfig(champion_margin={"gauc": 0.02}).margins(DEFAULT) == {"gauc": 0.02}


def test_a_margin_is_not_negative() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        GateConfig(champion_margin={"auc": -0.1})


def test_a_severity_is_one_of_three() -> None:
    assert DataValidationConfig().fail_on == "error"
    with pytest.raises(ValidationError, match="'error', 'warning' or 'never'"):
        DataValidationConfig.model_validate({"fail_on": "info"})
