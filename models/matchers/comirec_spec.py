"""Hyper-parameters and declaration of the ComiRec-style matcher."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from interestflow.models.matchers.hyperparameters import RetrievalHyperparameters
from interestflow.models.spec import ModelSpec
from interestflow.section import PositiveInt


class InterestHyperparameters(RetrievalHyperparameters):
    """Hyper-parameters of a matcher that extracts its interests by ComiRec's self-attention."""

    interests: PositiveInt = Field(4, description="Interest vectors of each user.")
    attention_units: PositiveInt | None = Field(
        None, description="Hidden units of the attention; without it, four times the width of the vectors."
    )
    readout: Literal["best", "target"] = Field(
        "best",
        description="Which interest scores an item in training: the item's best, as in serving, or the target's best "
        "for all items, as in the paper.",
    )


class ComiRecHyperparameters(InterestHyperparameters):
    """Hyper-parameters of ComiRec's self-attentive form; see `models/matchers/comirec.py`."""

    name: Literal["comirec"] = Field("comirec", description="Name of the model.")


SPEC = ModelSpec(
    name="comirec",
    family="matcher",
    implementation="interestflow.models.matchers.comirec:ComiRec",
    hyperparameters=ComiRecHyperparameters,
    paper="Cen et al., KDD 2020, arXiv 2005.09347",
    summary="Retrieves by several interest vectors from self-attention, for users with diverse interests.",
    baseline="two_tower",
)
