"""Hyper-parameters and declaration of TIN."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from interestflow.models.hyperparameters import (
    Dropout,
    EmbeddingDimension,
    EmbeddingL2,
    ItemBias,
    TowerActivation,
    TowerUnits,
)
from interestflow.models.rankers.hyperparameters import RankerHyperparameters
from interestflow.models.spec import ModelSpec


class TINHyperparameters(RankerHyperparameters):
    """Hyper-parameters of Temporal Interest Network; see `models/rankers/tin.py`.

    The MLP is DIN's, so that the two models differ only in their mechanism; the authors' code has 80 and 40 units with
    sigmoids.
    """

    name: Literal["tin"] = Field("tin", description="Name of the model.")
    embedding_dimension: EmbeddingDimension = 16
    temporal_encoding: Literal["position", "gap", "both"] = Field(
        "position",
        description="What the temporal encoding is of: the position counted back from the target, the log2 bucket of "
        "the time to the target, or both.",
    )
    target_representation: Literal["exact", "released"] = Field(
        "exact",
        description="Where the product with the target stands: as in the paper, or after a linear layer, as in the "
        "authors' released code.",
    )
    tower_units: TowerUnits = (200, 80)
    activation: TowerActivation = "dice"
    dropout: Dropout = 0.0
    batch_normalization: bool = Field(
        False, description="Whether batch normalization precedes the MLP, as in the authors' code."
    )
    item_bias: ItemBias = True
    embedding_l2: EmbeddingL2 = 0.0


SPEC = ModelSpec(
    name="tin",
    family="ranker",
    implementation="interestflow.models.rankers.tin:TIN",
    hyperparameters=TINHyperparameters,
    paper="Zhou et al., WWW 2024, arXiv 2308.08487",
    summary="Weighs each behaviour by its relevance and by when it happened, for logs where recency or order matters.",
    baseline="pooled",
)
