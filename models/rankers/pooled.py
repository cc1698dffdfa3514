"""Plain baseline of the rankers: the mean of the history and an MLP."""

from __future__ import annotations

import keras

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.embedding.feature_encoder import FeatureEncoder
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.pooled_spec import PooledHyperparameters
from interestflow.models.rankers.score_head import ScoreHead
from interestflow.models.tensor import Features, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class PooledRanker(Ranker):
    """Mean-pooling ranker, which summarizes the history in the same way for every candidate.

    With the target's vector `v`, the behaviours' `k_j` and the others `o` of `FeatureEncoder`:

        u      = mean_j k_j
        logits = Dense(MLP([u; v; o]))

    A ranker that cannot beat it on the same data does not work.

    Args:
        inputs: description of the input tensors.
        hyperparameters: see `PooledHyperparameters`.

    Example:

    >>> inputs = ModelInputs(tasks=("click",), item_rows=10, history_length=3, history_age_buckets=4)
    >>> ranker = PooledRanker(inputs, PooledHyperparameters(embedding_dimension=4))
    >>> history = {"history_item": ops.array([[1, 2, 0]]), "history_age": ops.array([[2, 1, 0]])}
    >>> tuple(ranker({"item": ops.array([3]), **history})["click"].shape)
    (1,)

    Reference:
        The embedding and pooling baseline of Zhou et al., Deep Interest Network, KDD 2018, arXiv 1706.06978,
        section 4.2.
    """

    Hyperparameters = PooledHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: PooledHyperparameters,
        item_counts: Tensor | None = None,
        name: str | None = None,
    ) -> None:
        """Create the layers."""
        super().__init__(inputs, hyperparameters, item_counts, name)
        h = hyperparameters
        self.encoder = FeatureEncoder(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="encoder")
        self.head = ScoreHead(len(inputs.tasks), h.tower_units, h.activation, h.dropout, name="head")

    def encode_user(self, features: Features, training: bool | None = None) -> Features:
        """Return `interest`, [B, d], and the others."""
        return {
            "interest": self.encoder.history_mean(features, training),
            **self.encoder.user(features, training),
        }

    def score_candidates(self, user: Features, features: Features, training: bool | None = None) -> dict[str, Tensor]:
        """Return the logits [B] by task."""
        parts = [user["interest"], self.encoder.target(features, training)]
        joined = self.encoder.join(parts, user, features, training)
        return self.to_logits(self.head(joined, features["item"], training=training))
