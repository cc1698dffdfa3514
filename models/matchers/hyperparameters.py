"""Base classes of the matchers' hyper-parameters. Imports no Keras."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from interestflow.models.hyperparameters import EmbeddingDimension, EmbeddingL2, HistoryAge, ModelHyperparameters
from interestflow.section import Positive, PositiveInt


class MatcherHyperparameters(ModelHyperparameters):
    """Hyper-parameters of a matcher, a model of `interestflow.models.matchers.base.Matcher`."""


class RetrievalHyperparameters(MatcherHyperparameters):
    """Hyper-parameters of a matcher that trains by a retrieval loss: the size of its vectors, and the loss."""

    embedding_dimension: EmbeddingDimension = 32
    normalize: bool = Field(
        False, description="Whether user and item vectors have unit norm, so that scores are cosines."
    )
    item_bias: bool = Field(True, description="Whether each item has a learned bias, which is the same for every user.")
    loss: Literal["in_batch_softmax", "sampled_softmax", "bpr"] = Field(
        "in_batch_softmax",
        description="Loss of a positive: a softmax over the items of the batch, a softmax over sampled items, or BPR "
        "against sampled items.",
    )
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
    negative_distribution: Literal["uniform", "popularity", "log_uniform"] = Field(
        "popularity",
        description="Distribution of the sampled items: uniform over items, proportional to their training counts, or "
        "log-uniform over their vocabulary rank.",
    )
    history_age: HistoryAge = False
    embedding_l2: EmbeddingL2 = 0.0
