"""Hyper-parameters and declaration of the HCN-style matcher."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from interestflow.models.hyperparameters import HorizonInterests, RoutingIterations, RoutingTemperature
from interestflow.models.matchers.hyperparameters import RetrievalHyperparameters
from interestflow.models.spec import ModelSpec
from interestflow.section import NonNegative, Positive, PositiveInt


class HCNHyperparameters(RetrievalHyperparameters):
    """Hyper-parameters of HCN-style co-interests of a long and a short history; see `models/matchers/hcn.py`."""

    name: Literal["hcn"] = Field("hcn", description="Name of the model.")
    interests: HorizonInterests = 4
    recent_length: PositiveInt | None = Field(
        None,
        description="Newest behaviours that form the short-term history, the others being the long-term one; without "
        "it, a quarter, at least 2.",
    )
    routing_iterations: RoutingIterations = 3
    routing_temperature: RoutingTemperature = 0.1
    readout_temperature: Positive = Field(
        0.1, description="Temperature of the soft maximum over interests by which training scores an item."
    )
    redundancy_weight: NonNegative = Field(
        0.0, description="Weight of the mean squared cosine between a user's interests in the loss."
    )


SPEC = ModelSpec(
    name="hcn",
    family="matcher",
    implementation="interestflow.models.matchers.hcn:HCN",
    hyperparameters=HCNHyperparameters,
    paper="After the abstract of arXiv 2210.10547; the equations are our reconstruction",
    summary="Retrieves by competing interests of a long-term and a short-term history, for interests that drift.",
    baseline="two_tower",
)
