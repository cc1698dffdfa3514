"""Temporal Interest Network: Zhou et al., WWW 2024, arXiv 2308.08487."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.attention.target_attention import TargetAttention
from interestflow.models.layers.core.batch_normalization import BatchNormalization
from interestflow.models.layers.core.mlp_tower import MLPTower
from interestflow.models.layers.embedding.context_embedding import ContextEmbedding
from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.layers.embedding.item_embedding import ItemEmbedding
from interestflow.models.layers.sequence.temporal_encoding import TemporalEncoding, positions_from_end
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.tin_spec import TINHyperparameters


@keras.saving.register_keras_serializable(package="interestflow")
class TIN(Ranker):
    """What a behaviour means for a candidate depends on both, and on when each of them is.

    With the target's vector `v`, the behaviours' `e_j` (item and attributes) and `a_j` (rating, ...):

        k_j = e_j + W a_j + P[t_j],  q = v + P[0]         t_j: places back from the target, or the bucket of the gap
        w_j = softmax_j(<k_j, q> / sqrt(d))               no projections, as in the authors' code
        u   = sum_j w_j (k_j * q) = q * sum_j w_j k_j     four-way: both meanings and both times
        x   = [u; q; others]
        logits = Dense(MLP(x)) + b_item

    `target_representation: released` is the authors' code, where the product comes after a linear map of what was
    pooled: `p = Dense(BN(sum_j w_j k_j))`, `x = [p; q; p * q; others]`. `W a_j`, the gap's buckets (powers of two) and
    both encodings together are ours; the paper's behaviours are items with their category.

    Args:
        inputs: which tensors there are, and their sizes.
        hyperparameters: see `TINHyperparameters`.
    """

    Hyperparameters = TINHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: TINHyperparameters,
        item_counts: Any | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, hyperparameters, item_counts, name)
        h, tasks = hyperparameters, len(inputs.tasks)
        self.items = ItemEmbedding(inputs, h.embedding_dimension, h.embedding_l2, name="items")
        self.context = ContextEmbedding(inputs, h.embedding_dimension, h.embedding_l2, name="context")
        width = self.items.width
        self.behaviour = keras.layers.Dense(width, use_bias=False, name="behaviour")
        by_place, by_gap = h.temporal_encoding != "gap", h.temporal_encoding != "position"
        self.places = TemporalEncoding(inputs.history_length, width, name="places") if by_place else None
        self.gaps = TemporalEncoding(inputs.history_age_buckets, width, name="gaps") if by_gap else None
        self.attention = TargetAttention("dot", "softmax", name="attention")
        is_released = h.target_representation == "released"
        self.pooled = keras.layers.Dense(width, name="pooled") if is_released else None
        normalized = is_released and h.batch_normalization
        self.pooled_norm = BatchNormalization(name="pooled_norm") if normalized else None
        self.tower = MLPTower(h.tower_units, h.activation, h.dropout, h.batch_normalization, name="tower")
        self.score = keras.layers.Dense(tasks, dtype="float32", name="score")
        self.item_bias = EmbeddingTable(inputs.item_rows, tasks, 0.0, "zeros", name="bias") if h.item_bias else None

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        history, mask = self.items.history(features, training=training)
        beside_items = self.context.history(features, training=training)
        if beside_items is not None:
            history = history + self.behaviour(beside_items)
        if self.places is not None:
            history = history + self.places(positions_from_end(mask))
        if self.gaps is not None:
            history = history + self.gaps(features["history_age"])
        others = self.context.user(features, training=training)
        return {"history": history, "mask": mask} | ({} if others is None else {"others": others})

    def score_candidates(self, user: Any, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        target = self.items.candidate(features, training=training)
        for encoding in (self.places, self.gaps):
            if encoding is not None:
                target = target + encoding.target
        pooled = self.attention(target, user["history"], mask=user["mask"], training=training)
        if self.pooled is None:
            parts = [target * pooled, target]
        else:
            if self.pooled_norm is not None:
                pooled = self.pooled_norm(pooled, training=training)
            pooled = self.pooled(pooled)
            parts = [pooled, target, pooled * target]
        others = [user.get("others"), self.context.candidate(features, training=training)]
        joined = ops.concatenate([*parts, *(part for part in others if part is not None)], axis=-1)
        scores = self.score(self.tower(joined, training=training))
        if self.item_bias is not None:
            scores += ops.cast(self.item_bias(features["item"], training=training), "float32")
        return self.to_logits(scores)
