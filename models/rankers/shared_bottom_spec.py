"""Hyper-parameters and declaration of the shared-bottom baseline."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from interestflow.models.hyperparameters import (
    Dropout,
    EmbeddingDimension,
    EmbeddingL2,
    HistoryAge,
    TowerActivation,
    TowerUnits,
)
from interestflow.models.rankers.hyperparameters import RankerHyperparameters
from interestflow.models.spec import ModelSpec
from interestflow.section import PositiveInt


class SharedBottomHyperparameters(RankerHyperparameters):
    """Hyper-parameters of the plain multi-task baseline; see `models/rankers/shared_bottom.py`."""

    name: Literal["shared_bottom"] = Field("shared_bottom", description="Name of the model.")
    embedding_dimension: EmbeddingDimension = 16
    bottom_units: tuple[PositiveInt, ...] = Field(
        (200,), description="Units of each hidden layer of the MLP that all tasks share."
    )
    tower_units: TowerUnits = (80,)
    activation: TowerActivation = "relu"
    dropout: Dropout = 0.0
    history_age: HistoryAge = False
    embedding_l2: EmbeddingL2 = 0.0


SPEC = ModelSpec(
    name="shared_bottom",
    family="ranker",
    implementation="interestflow.models.rankers.shared_bottom:SharedBottom",
    hyperparameters=SharedBottomHyperparameters,
    paper="Caruana, Multitask Learning, 1997",
    summary="Plain multi-task baseline: one MLP that all tasks share, and a small one for each task.",
    baseline="pooled",
)
