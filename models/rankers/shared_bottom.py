"""The plain multi-task baseline: one body for all tasks, a small head for each."""

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
from interestflow.models.rankers.shared_bottom_spec import SharedBottomHyperparameters


@keras.saving.register_keras_serializable(package="interestflow")
class SharedBottom(Ranker):
    """`b = MLP([u; v; others])`, `logit_i = Dense(MLP_i(b))`, with `u` the mean over the history as in `PooledRanker`.

    Caruana, Multitask Learning (1997): hard sharing of the lower layers.
    """

    Hyperparameters = SharedBottomHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: SharedBottomHyperparameters,
        item_counts: Any | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, hyperparameters, item_counts, name)
        h = hyperparameters
        self.items = ItemEmbedding(inputs, h.embedding_dimension, h.embedding_l2, name="items")
        self.context = ContextEmbedding(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="context")
        self.behaviour = keras.layers.Dense(self.items.width, use_bias=False, name="behaviour")
        self.bottom = MLPTower(h.bottom_units, h.activation, h.dropout, name="bottom")
        self.towers = [MLPTower(h.tower_units, h.activation, h.dropout, name=f"tower_{task}") for task in inputs.tasks]
        self.scores = [keras.layers.Dense(1, dtype="float32", name=f"score_{task}") for task in inputs.tasks]

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        history, mask = self.items.history(features, training=training)
        beside_items = self.context.history(features, training=training)
        interest = masked_mean(history, mask)
        if beside_items is not None:
            interest += self.behaviour(masked_mean(beside_items, mask))
        others = self.context.user(features, training=training)
        return {"interest": interest} | ({} if others is None else {"others": others})

    def score_candidates(self, user: Any, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        target = self.items.candidate(features, training=training)
        beside_target = self.context.candidate(features, training=training)
        parts = [user["interest"], target, user.get("others"), beside_target]
        joined = ops.concatenate([part for part in parts if part is not None], axis=-1)
        shared = self.bottom(joined, training=training)
        logits = [
            score(tower(shared, training=training)) for tower, score in zip(self.towers, self.scores, strict=True)
        ]
        return self.to_logits(ops.concatenate(logits, axis=-1))
