"""Hyper-parameters that every model has."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from interestflow.models import registry
from interestflow.models.hyperparameters import ModelHyperparameters

WITH_HISTORY_NEGATIVES = {"dien"}


@pytest.mark.parametrize("name", registry.names())
def test_by_default_nothing_special_is_needed(name: str) -> None:
    hyperparameters = registry.parse_hyperparameters(name, {})
    assert hyperparameters.name == name
    assert hyperparameters.item_counts_key is None
    assert hyperparameters.uses_history_negatives == (name in WITH_HISTORY_NEGATIVES)


def test_they_do_not_change() -> None:
    hyperparameters = registry.parse_hyperparameters("din", {})
    with pytest.raises(ValidationError, match="frozen"):
        hyperparameters.name = "tin"
    with pytest.raises(ValidationError, match="Field required"):
        ModelHyperparameters.model_validate({})
