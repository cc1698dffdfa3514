"""Hyper-parameters and declaration of DIEN."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from interestflow.models.hyperparameters import (
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


class DIENHyperparameters(RankerHyperparameters):
    """Hyper-parameters of Deep Interest Evolution Network; see `models/rankers/dien.py`."""

    name: Literal["dien"] = Field("dien", description="Name of the model.")
    embedding_dimension: EmbeddingDimension = 16
    attention: Literal["bilinear", "mlp"] = Field(
        "bilinear", description="Form of the attention score: the paper's bilinear one, or the authors' code's MLP."
    )
    attention_units: tuple[PositiveInt, ...] = Field(
        (80, 40), description="Units of each hidden layer of the attention MLP, for `attention: mlp`."
    )
    evolution: Literal["aigru", "agru", "augru", "augru_released"] = Field(
        "augru",
        description="Recurrent cell of the interest evolution: one of the paper's three, or AUGRU as the authors "
        "released it.",
    )
    auxiliary_weight: NonNegative = Field(
        1.0, description="Weight of the auxiliary loss, which predicts the next behaviour; 0 leaves it out."
    )
    tower_units: TowerUnits = (200, 80)
    activation: TowerActivation = "dice"
    dropout: Dropout = 0.0
    item_bias: ItemBias = True
    history_age: HistoryAge = False
    embedding_l2: EmbeddingL2 = 0.0

    @property
    def uses_history_negatives(self) -> bool:
        """Whether there is an auxiliary loss."""
        return self.auxiliary_weight > 0.0


SPEC = ModelSpec(
    name="dien",
    family="ranker",
    implementation="interestflow.models.rankers.dien:DIEN",
    hyperparameters=DIENHyperparameters,
    paper="Zhou et al., AAAI 2019, arXiv 1809.03672",
    summary="Follows how interests evolve by a recurrent network, for logs where the order of behaviours matters.",
    baseline="pooled",
)
