"""A model is described by its inputs and its hyper-parameters, and rebuilt from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interestflow.models.base import DescribedModel
from interestflow.models.inputs import ModelInputs
from interestflow.models.rankers.din_spec import DINHyperparameters
from interestflow.models.rankers.pooled_spec import PooledHyperparameters
from tests.models.support.random_features import PLAIN, RICH


class Counting(DescribedModel):
    """A model that returns the item ids and keeps the shapes that it was called with."""

    Hyperparameters = PooledHyperparameters

    def __init__(self, inputs: ModelInputs, hyperparameters: Any, name: str | None = None, extra: int = 0) -> None:
        super().__init__(inputs, hyperparameters, name)
        self.extra = extra
        self.shapes: dict[str, tuple[int, ...]] = {}

    def call(self, features: dict[str, Any], training: bool | None = None) -> Any:
        self.shapes = {name: tuple(values.shape) for name, values in features.items()}
        return features["item"]


def test_building_sees_one_row_of_every_input() -> None:
    model = Counting(RICH, PooledHyperparameters())
    assert not model.built
    model.build()
    assert model.built
    assert model.shapes == {name: (1, *shape) for name, (shape, _) in RICH.tensors().items()}
    assert "history_negative_item" not in model.shapes


def test_a_model_is_rebuilt_from_its_config() -> None:
    model = Counting(PLAIN, PooledHyperparameters(tower_units=(7,)), name="counting")
    config = model.get_config()
    again = Counting.from_config(config, extra=3)
    assert again.get_config() == config
    assert (again.name, again.extra) == ("counting", 3)
    assert again.inputs_description == PLAIN
    assert again.hyperparameters == PooledHyperparameters(tower_units=(7,))
    np.testing.assert_array_equal(again({"item": np.array([5])}), [5])


def test_hyperparameters_of_another_model() -> None:
    message = "`hyperparameters` should be PooledHyperparameters, received DINHyperparameters"
    with pytest.raises(ValueError, match=message):
        Counting(PLAIN, DINHyperparameters())
