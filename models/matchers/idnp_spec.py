"""Hyper-parameters and declaration of IDNP."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from interestflow.models.matchers.hyperparameters import RetrievalHyperparameters
from interestflow.models.spec import ModelSpec
from interestflow.section import NonNegative, PositiveInt, Rate


class IDNPHyperparameters(RetrievalHyperparameters):
    """Hyper-parameters of Interest Dynamics via Neural Processes; see `models/matchers/idnp.py`.

    All sizes are ours, except for that of the context.
    """

    name: Literal["idnp"] = Field("idnp", description="Name of the model.")
    window_length: PositiveInt = Field(5, description="Behaviours of each window of the history.")
    context_length: PositiveInt = Field(20, description="Newest windows that form the context; the paper has 16 to 24.")
    dilations: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = Field(
        (1, 2, 4), description="Dilation of each attention layer over a window, in behaviours."
    )
    time_dimension: Annotated[int, Field(ge=2, multiple_of=2)] = Field(
        16, description="Width of the sinusoidal encoding of time, in values; an even number."
    )
    aggregation: Literal["precision", "mean"] = Field(
        "precision",
        description="How the latent path aggregates the context: so that its variance falls with every point, or by "
        "a mean.",
    )
    divergence: Literal["kl", "wasserstein"] = Field(
        "kl",
        description="Divergence between posterior and prior of the latent variable: Kullback-Leibler or squared "
        "2-Wasserstein.",
    )
    divergence_weight: NonNegative = Field(1.0, description="Weight of the divergence in the loss.")
    divergence_warm_up: PositiveInt = Field(
        1, description="Epochs over which the weight of the divergence rises to its full value."
    )
    decoder_units: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = Field(
        (64,), description="Units of each hidden layer of the decoder."
    )
    path_dropout: Rate = Field(
        0.1,
        description="Share of rows for which training drops the deterministic path, so that the latent one is used.",
    )


SPEC = ModelSpec(
    name="idnp",
    family="matcher",
    implementation="interestflow.models.matchers.idnp:IDNP",
    hyperparameters=IDNPHyperparameters,
    paper="After Du et al., WSDM 2023, arXiv 2208.04600; a reconstruction",
    summary="Models a user's interest as a function of time, for short histories and interests that change.",
    baseline="two_tower",
)
