"""Hyper-parameters and declaration of the popularity baseline."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from interestflow.models.matchers.hyperparameters import MatcherHyperparameters
from interestflow.models.spec import ModelSpec


class PopularityHyperparameters(MatcherHyperparameters):
    """Hyper-parameters of the popularity baseline, which has none: it learns nothing."""

    name: Literal["popularity"] = Field("popularity", description="Name of the model.")


SPEC = ModelSpec(
    name="popularity",
    family="matcher",
    implementation="interestflow.models.matchers.popularity:Popularity",
    hyperparameters=PopularityHyperparameters,
    paper="None; the items that training has most often",
    summary="Retrieves the most frequent items for every user; learns nothing.",
    baseline="two_tower",
    no_tables_reason="it has no vectors to learn",
)
