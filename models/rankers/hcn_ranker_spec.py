"""Hyper-parameters and declaration of the HCN-style coarse ranker."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from interestflow.models.hyperparameters import (
    EmbeddingDimension,
    EmbeddingL2,
    HistoryAge,
    HorizonInterests,
    ItemBias,
    RoutingIterations,
    RoutingTemperature,
)
from interestflow.models.rankers.hyperparameters import RankerHyperparameters
from interestflow.models.spec import ModelSpec
from interestflow.section import Positive, PositiveInt


class HCNRankerHyperparameters(RankerHyperparameters):
    """Hyper-parameters of HCN-style interests as a coarse ranker; see `models/rankers/hcn_ranker.py`."""

    name: Literal["hcn_ranker"] = Field("hcn_ranker", description="Name of the model.")
    embedding_dimension: EmbeddingDimension = 16
    interests: HorizonInterests = 4
    recent_length: PositiveInt | None = Field(
        None, description="Newest behaviours that form the short-term history; without it, a quarter, at least 2."
    )
    routing_iterations: RoutingIterations = 3
    routing_temperature: RoutingTemperature = 0.1
    readout_temperature: Positive = Field(
        0.1, description="Temperature of the soft maximum over interests that scores a candidate."
    )
    item_bias: ItemBias = True
    history_age: HistoryAge = False
    embedding_l2: EmbeddingL2 = 0.0


SPEC = ModelSpec(
    name="hcn_ranker",
    family="ranker",
    implementation="interestflow.models.rankers.hcn_ranker:HCNRanker",
    hyperparameters=HCNRankerHyperparameters,
    paper="After the abstract of arXiv 2210.10547; the equations are our reconstruction",
    summary="Coarse ranker by inner products with several interests, for thousands of candidates per request.",
    baseline="pooled",
)
