"""Hyper-parameters and declaration of the two-tower baseline."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from interestflow.models.hyperparameters import Dropout, TowerActivation
from interestflow.models.matchers.hyperparameters import RetrievalHyperparameters
from interestflow.models.spec import ModelSpec
from interestflow.section import PositiveInt


class TwoTowerHyperparameters(RetrievalHyperparameters):
    """Hyper-parameters of the plain baseline of the matchers; see `models/matchers/two_tower.py`."""

    name: Literal["two_tower"] = Field("two_tower", description="Name of the model.")
    tower_units: tuple[PositiveInt, ...] = Field(
        (), description="Units of each hidden layer of both towers; without any, there are no towers."
    )
    activation: TowerActivation = "relu"
    dropout: Dropout = 0.0


SPEC = ModelSpec(
    name="two_tower",
    family="matcher",
    implementation="interestflow.models.matchers.two_tower:TwoTower",
    hyperparameters=TwoTowerHyperparameters,
    paper="Covington et al., RecSys 2016; Yi et al., RecSys 2019; without towers, Kabbur et al., KDD 2013",
    summary="Plain baseline of the matchers: one user vector, the mean of the history's embeddings.",
    baseline="two_tower",
)
