"""The plain baseline of the rankers: the mean of the history's vectors and an MLP."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.core.masked_ops import masked_mean
from interestflow.models.layers.core.mlp_tower import MLPTower
from interestflow.models.layers.embedding.context_embedding import ContextEmbedding
from interestflow.models.layers.embedding.item_embedding import ItemEmbedding
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.pooled_spec import PooledHyperparameters


@keras.saving.register_keras_serializable(package="interestflow")
class PooledRanker(Ranker):
    """What the history says is the same for every candidate: a mean. A ranker that cannot beat it does not work.

    `logits = Dense(MLP([u; v; others]))` with the target's vector `v`, `u` the mean over valid behaviours of
    `e_j + W a_j` (`e_j` the behaviour's item, `a_j` its other attributes) and `others` the user, profile, context and
    numbers. The embedding and pooling baseline of Deep Interest Network (arXiv 1706.06978), section 4.2.
    """

    Hyperparameters = PooledHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: PooledHyperparameters,
        item_counts: Any | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, hyperparameters, item_counts, name)
        h = hyperparameters
        self.items = ItemEmbedding(inputs, h.embedding_dimension, h.embedding_l2, name="items")
        self.context = ContextEmbedding(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="context")
        self.behaviour = keras.layers.Dense(self.items.width, use_bias=False, name="behaviour")
        self.tower = MLPTower(h.tower_units, h.activation, h.dropout, name="tower")
        self.score = keras.layers.Dense(len(inputs.tasks), dtype="float32", name="score")

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        history, mask = self.items.history(features, training=training)
        beside_items = self.context.history(features, training=training)
        interest = masked_mean(history, mask)
        if beside_items is not None:
            # The mean and the projection are both linear, so the cheaper order will do.
            interest += self.behaviour(masked_mean(beside_items, mask))
        others = self.context.user(features, training=training)
        return {"interest": interest} | ({} if others is None else {"others": others})

    def score_candidates(self, user: Any, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        target = self.items.candidate(features, training=training)
        beside_target = self.context.candidate(features, training=training)
        parts = [user["interest"], target, user.get("others"), beside_target]
        joined = ops.concatenate([part for part in parts if part is not None], axis=-1)
        return self.to_logits(self.score(self.tower(joined, training=training)))
