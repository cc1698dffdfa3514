"""Hyper-parameters and declaration of DiffuMIN."""

from __future__ import annotations

from typing import Annotated, Literal

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
from interestflow.section import NonNegative, Positive, PositiveInt


class DiffuMINHyperparameters(RankerHyperparameters):
    """Hyper-parameters of Diffusion-driven Multi-Interest Network; see `models/rankers/diffumin.py`."""

    name: Literal["diffumin"] = Field("diffumin", description="Name of the model.")
    embedding_dimension: EmbeddingDimension = 16
    channels: PositiveInt = Field(
        4, description="Interests that are extracted, in orthogonal channels; at most the width of an item's vector."
    )
    top_k: PositiveInt = Field(
        100, description="Largest number of behaviours that a channel pools, as in the authors' code."
    )
    top_share: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        1.0,
        description="Share of its behaviours that a channel pools, as in the paper; the lower of the two limits holds.",
    )
    recent_length: PositiveInt = Field(
        10, description="Newest behaviours that the short-term interest is computed from."
    )
    heads: PositiveInt = Field(2, description="Attention heads of the transformer block of the short-term interest.")
    denoising_steps: PositiveInt = Field(10, description="Denoising steps of the diffusion over interest vectors.")
    diffusion_weight: NonNegative = Field(0.01, description="Weight of the denoiser's squared error in the loss.")
    contrast_weight: NonNegative = Field(
        0.001, description="Weight of the contrastive loss between interests before and after the diffusion."
    )
    temperature: Positive = Field(0.05, description="Temperature of the contrastive loss.")
    tower_units: TowerUnits = (200, 80)
    activation: TowerActivation = "dice"
    dropout: Dropout = 0.0
    history_age: HistoryAge = False
    embedding_l2: EmbeddingL2 = 0.0


SPEC = ModelSpec(
    name="diffumin",
    family="ranker",
    implementation="interestflow.models.rankers.diffumin:DiffuMIN",
    hyperparameters=DiffuMINHyperparameters,
    paper="arXiv 2508.15311",
    summary="Extracts several interests from a long history and denoises them by diffusion, for long, noisy histories.",
    baseline="pooled",
)
