"""Plain multi-task baseline: shared lower layers, and an MLP per task on top of them."""

from __future__ import annotations

import keras

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.core.mlp_tower import MLPTower
from interestflow.models.layers.embedding.feature_encoder import FeatureEncoder
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.score_head import TaskHeads
from interestflow.models.rankers.shared_bottom_spec import SharedBottomHyperparameters
from interestflow.models.tensor import Features, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class SharedBottom(Ranker):
    """Mean-pooling ranker of several tasks with hard sharing of the lower layers.

    With the target's vector `v`, the behaviours' `k_j` and the others `o` of `FeatureEncoder`, and a task `i`:

        u       = mean_j k_j
        b       = MLP([u; v; o])
        logit_i = Dense_i(MLP_i(b))

    Args:
        inputs: description of the input tensors.
        hyperparameters: see `SharedBottomHyperparameters`.

    Example:

    >>> inputs = ModelInputs(tasks=("click", "like"), item_rows=10, history_length=3, history_age_buckets=4)
    >>> ranker = SharedBottom(inputs, SharedBottomHyperparameters(embedding_dimension=4))
    >>> history = {"history_item": ops.array([[1, 2, 0]]), "history_age": ops.array([[2, 1, 0]])}
    >>> sorted(ranker({"item": ops.array([3]), **history}))
    ['click', 'like']

    Reference:
        Caruana, Multitask Learning, 1997.
    """

    Hyperparameters = SharedBottomHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: SharedBottomHyperparameters,
        item_counts: Tensor | None = None,
        name: str | None = None,
    ) -> None:
        """Create the layers."""
        super().__init__(inputs, hyperparameters, item_counts, name)
        h = hyperparameters
        self.encoder = FeatureEncoder(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="encoder")
        self.bottom = MLPTower(h.bottom_units, h.activation, h.dropout, name="bottom")
        self.heads = TaskHeads(inputs.tasks, h.tower_units, h.activation, h.dropout, name="heads")

    def encode_user(self, features: Features, training: bool | None = None) -> Features:
        """Return `interest`, [B, d], and the others."""
        return {
            "interest": self.encoder.history_mean(features, training),
            **self.encoder.user(features, training),
        }

    def score_candidates(self, user: Features, features: Features, training: bool | None = None) -> dict[str, Tensor]:
        """Return the logits [B] by task."""
        parts = [user["interest"], self.encoder.target(features, training)]
        shared = self.bottom(self.encoder.join(parts, user, features, training), training=training)
        return self.to_logits(self.heads([shared] * len(self.inputs_description.tasks), training=training))
