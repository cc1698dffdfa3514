"""Hyper-parameters and declaration of the pooled baseline."""

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


class PooledHyperparameters(RankerHyperparameters):
    """Hyper-parameters of the plain baseline: mean-pooled embeddings and an MLP; see `models/rankers/pooled.py`."""

    name: Literal["pooled"] = Field("pooled", description="Name of the model.")
    embedding_dimension: EmbeddingDimension = 16
    tower_units: TowerUnits = (200, 80)
    activation: TowerActivation = "relu"
    dropout: Dropout = 0.0
    history_age: HistoryAge = False
    embedding_l2: EmbeddingL2 = 0.0


SPEC = ModelSpec(
    name="pooled",
    family="ranker",
    implementation="interestflow.models.rankers.pooled:PooledRanker",
    hyperparameters=PooledHyperparameters,
    paper="The embedding and pooling baseline of Zhou et al., KDD 2018, arXiv 1706.06978, section 4.2",
    summary="Plain baseline of the rankers: the mean of the history's embeddings and an MLP.",
    baseline="pooled",
)
