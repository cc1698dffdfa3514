"""Hyper-parameters and declaration of DIN."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from interestflow.models.hyperparameters import (
    ActivationName,
    Dropout,
    EmbeddingDimension,
    EmbeddingL2,
    HistoryAge,
    ItemBias,
    TowerActivation,
    TowerUnits,
)
from interestflow.models.rankers.hyperparameters import RankerHyperparameters
from interestflow.models.spec import ModelSpec
from interestflow.section import NonNegative, PositiveInt


class DINHyperparameters(RankerHyperparameters):
    """Hyper-parameters of Deep Interest Network; the names follow the paper's, see `models/rankers/din.py`."""

    name: Literal["din"] = Field("din", description="Name of the model.")
    embedding_dimension: EmbeddingDimension = 16
    attention_units: tuple[PositiveInt, ...] = Field(
        (80, 40), description="Units of each hidden layer of the MLP that computes the attention weights."
    )
    attention_normalization: Literal["none", "softmax"] = Field(
        "none",
        description="Whether a softmax over the history normalizes the attention weights; the paper has none.",
    )
    attention_activation: ActivationName = Field(
        "sigmoid", description="Activation of the hidden layers of the attention MLP."
    )
    tower_units: TowerUnits = (200, 80)
    activation: TowerActivation = "dice"
    dropout: Dropout = 0.0
    batch_normalization: bool = Field(
        False,
        description="Whether batch normalization precedes the MLP, as in the authors' code but not in the paper; "
        "docs/decisions/models.md has its measured effect.",
    )
    item_bias: ItemBias = True
    history_age: HistoryAge = False
    embedding_l2: EmbeddingL2 = 0.0
    mini_batch_aware_l2: NonNegative = Field(
        0.0,
        description="Weight of the paper's mini-batch-aware L2 penalty on item embeddings, each divided by the item's "
        "count in training.",
    )

    @property
    def item_counts_key(self) -> str | None:
        """`mini_batch_aware_l2`, if it is more than 0."""
        return "mini_batch_aware_l2" if self.mini_batch_aware_l2 > 0.0 else None


SPEC = ModelSpec(
    name="din",
    family="ranker",
    implementation="interestflow.models.rankers.din:DIN",
    hyperparameters=DINHyperparameters,
    paper="Zhou et al., KDD 2018, arXiv 1706.06978",
    summary="Weighs each behaviour by its relevance to the candidate, for users with diverse interests.",
    baseline="pooled",
)
