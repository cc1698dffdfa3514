"""Deep Interest Network: Zhou et al., KDD 2018, arXiv 1706.06978. Equations 3 to 6 and section 5."""

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
from interestflow.models.losses.click import MiniBatchAwareL2
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.din_spec import DINHyperparameters


@keras.saving.register_keras_serializable(package="interestflow")
class DIN(Ranker):
    """The interest that a candidate meets is a sum over the history, weighted by what each behaviour has to do with it.

    With the target's vector `v`, the behaviours' `e_j` (item, joined with its attributes) and `a_j` (rating, age, ...):

        k_j = e_j + W a_j                                 ours: the paper's behaviours are items alone
        w_j = MLP([v; k_j; v - k_j; v * k_j])             the local activation unit; no softmax unless asked for
        u   = sum_j w_j k_j
        u'  = Dense(u)                                    the authors' code
        x   = [u'; v; u' * v; others]
        logits = Dense(MLP(x)) + b_item                   Dice in the MLP; one logit and one item bias a task

    With `batch_normalization`, `u` and `x` are normalised first, as in the authors' code. `others` are the user,
    profile, context and numbers. The paper's loss has the mini-batch-aware L2 too, here on the item table, which is the
    one that overfits.

    Args:
        inputs: which tensors there are, and their sizes.
        hyperparameters: see `DINHyperparameters`.
        item_counts: [item_rows], the paper's n_j, for `mini_batch_aware_l2` alone.
    """

    Hyperparameters = DINHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: DINHyperparameters,
        item_counts: Any | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, hyperparameters, item_counts, name)
        h, tasks = hyperparameters, len(inputs.tasks)
        rarity_l2 = (
            MiniBatchAwareL2(h.mini_batch_aware_l2, inputs.item_rows, item_counts) if h.mini_batch_aware_l2 else None
        )
        self.items = ItemEmbedding(inputs, h.embedding_dimension, h.embedding_l2, rarity_l2, name="items")
        self.context = ContextEmbedding(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="context")
        self.behaviour = keras.layers.Dense(self.items.width, use_bias=False, name="behaviour")
        self.activation_unit = TargetAttention(
            "mlp", h.attention_normalization, h.attention_units, h.attention_activation, name="activation_unit"
        )
        self.interest_norm = BatchNormalization(name="interest_norm") if h.batch_normalization else None
        self.interest = keras.layers.Dense(self.items.width, name="interest")
        self.tower = MLPTower(h.tower_units, h.activation, h.dropout, h.batch_normalization, name="tower")
        self.score = keras.layers.Dense(tasks, dtype="float32", name="score")
        self.item_bias = EmbeddingTable(inputs.item_rows, tasks, 0.0, "zeros", name="bias") if h.item_bias else None

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        history, mask = self.items.history(features, training=training)
        beside_items = self.context.history(features, training=training)
        if beside_items is not None:
            history = history + self.behaviour(beside_items)
        others = self.context.user(features, training=training)
        return {"history": history, "mask": mask} | ({} if others is None else {"others": others})

    def score_candidates(self, user: Any, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        if training:
            self.items.penalize(features)
        target = self.items.candidate(features, training=training)
        interest = self.activation_unit(target, user["history"], mask=user["mask"], training=training)
        return self._to_logits(target, interest, user.get("others"), features, training)

    def rank(self, features: dict[str, Any]) -> dict[str, Any]:
        # What the activation unit makes of a behaviour alone is the same for all candidates.
        user, candidates, count = self.apart(features)
        target = self.items.candidate(candidates)
        by_user = ops.reshape(target, (-1, count, self.items.width))
        interest = ops.reshape(self.activation_unit(by_user, user["history"], mask=user["mask"]), ops.shape(target))
        others = ops.repeat(user["others"], count, axis=0) if "others" in user else None
        logits = self._to_logits(target, interest, others, candidates, training=False)
        return {task: ops.reshape(values, (-1, count)) for task, values in logits.items()}

    def _to_logits(
        self, target: Any, interest: Any, others: Any, features: dict[str, Any], training: bool | None
    ) -> dict[str, Any]:
        if self.interest_norm is not None:
            interest = self.interest_norm(interest, training=training)
        interest = self.interest(interest)
        beside_target = self.context.candidate(features, training=training)
        parts = [interest, target, interest * target, others, beside_target]
        joined = ops.concatenate([part for part in parts if part is not None], axis=-1)
        scores = self.score(self.tower(joined, training=training))
        if self.item_bias is not None:
            scores += ops.cast(self.item_bias(features["item"], training=training), "float32")
        return self.to_logits(scores)
