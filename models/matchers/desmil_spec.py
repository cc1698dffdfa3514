"""Hyper-parameters and declaration of the DESMIL-style matcher."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from interestflow.models.matchers.comirec_spec import InterestHyperparameters
from interestflow.models.spec import ModelSpec
from interestflow.section import NonNegative, Positive, PositiveInt


class DESMILHyperparameters(InterestHyperparameters):
    """Hyper-parameters of Deep Stable Multi-Interest Learning; see `models/matchers/desmil.py`."""

    name: Literal["desmil"] = Field("desmil", description="Name of the model.")
    fourier_features: PositiveInt = Field(
        16, description="Random Fourier features of each interest, by which the dependence (HSIC) is measured."
    )
    weight_steps: PositiveInt = Field(50, description="Gradient steps on the sample weights of each batch.")
    weight_learning_rate: Positive = Field(0.1, description="Learning rate of those steps.")
    weight_penalty: NonNegative = Field(
        0.3, description="Weight of the penalty on sample weights that are far from equal."
    )


SPEC = ModelSpec(
    name="desmil",
    family="matcher",
    implementation="interestflow.models.matchers.desmil:DESMIL",
    hyperparameters=DESMILHyperparameters,
    paper="After the abstract of arXiv 2207.07910; the objective is our reconstruction",
    summary="Weights training samples so that interests become independent, for data that shifts after training.",
    baseline="two_tower",
)
