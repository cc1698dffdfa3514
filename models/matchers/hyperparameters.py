"""Base classes of the matchers' hyper-parameters, and the keys that several matchers share. Imports no Keras."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from interestflow.models.hyperparameters import (
    EmbeddingDimension,
    EmbeddingL2,
    HistoryAge,
    ItemBias,
    ModelHyperparameters,
)
from interestflow.section import Positive, PositiveInt

RetrievalLoss = Annotated[
    Literal["in_batch_softmax", "sampled_softmax", "bpr"],
    Field(
        description="Loss of a positive: a softmax over the items of the batch, a softmax over sampled items, or BPR "
        "against sampled items."
    ),
]
NegativeDistribution = Annotated[
    Literal["uniform", "popularity", "log_uniform"],
    Field(
        description="Distribution of the sampled items: uniform over items, proportional to their training counts, or "
        "log-uniform over their vocabulary rank."
    ),
]


class MatcherHyperparameters(ModelHyperparameters):
    """Hyper-parameters of a matcher, a model of `interestflow.models.matchers.base.Matcher`."""


class RetrievalHyperparameters(MatcherHyperparameters):
    """Hyper-parameters of a matcher that trains by a retrieval loss: the size of its vectors, and the loss."""

    embedding_dimension: EmbeddingDimension = 32
    normalize: bool = Field(
        False, description="Whether user and item vectors have unit norm, so that scores are cosines."
    )
    item_bias: ItemBias = True
    loss: RetrievalLoss = "in_batch_softmax"
    temperature: Positive = Field(
        1.0, description="Temperature that the loss divides scores by; cosines need about 0.1."
    )
    popularity_correction: bool = Field(
        True, description="Whether a softmax subtracts the logarithm of each item's sampling probability (logQ)."
    )
    hard_negatives: PositiveInt | None = Field(
        None,
        description="How many of the other items of the batch, those with the highest scores, the in-batch softmax "
        "uses; without it, all.",
    )
    negatives: PositiveInt = Field(256, description="Items that `sampled_softmax` and `bpr` sample for each batch.")
    negative_distribution: NegativeDistribution = "popularity"
    history_age: HistoryAge = False
    embedding_l2: EmbeddingL2 = 0.0
