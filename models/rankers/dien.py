"""Deep Interest Evolution Network: Zhou et al., AAAI 2019, arXiv 1809.03672."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.attention.target_attention import TargetAttention
from interestflow.models.layers.core.masked_ops import masked_sum
from interestflow.models.layers.core.mlp_tower import MLPTower
from interestflow.models.layers.embedding.context_embedding import ContextEmbedding
from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.layers.embedding.item_embedding import ItemEmbedding
from interestflow.models.layers.sequence.interest_evolution import InterestEvolution
from interestflow.models.layers.sequence.interest_extractor import InterestExtractor
from interestflow.models.losses.next_step import next_step_loss
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.dien_spec import DIENHyperparameters


@keras.saving.register_keras_serializable(package="interestflow")
class DIEN(Ranker):
    """An interest is a state that behaviours have brought about, and evolves towards the candidate.

    With the target's vector `v`, the behaviours' `k_j = e_j + W a_j` (item and attributes, and rating, age, ...; the
    second part is ours):

        h_t  = GRU(k_t)                                   interest extractor
        a_t  = softmax_t(h_t W v)                         attention; `mlp` as the authors' code has it
        h'   = the last state of AUGRU(h_t, a_t)          interest evolution; other cells: see `EvolutionCell`
        s    = sum_t e_t
        x    = [h'; v; s; s * v; others]
        logits = Dense(MLP(x)) + b_item                   the item's bias is ours, as in DIN

    Training adds `auxiliary_weight` times the auxiliary loss (`next_step_loss`). Its negatives were drawn from the log
    beforehand, as by the authors, where there are such (`inputs.history_negatives`). Where not, they are ours: for each
    step the behaviour of another example of the batch at the same step, drawn anew each time, so that items are drawn
    as often as they occur. A step is left out where the negative is padding or the same item.

    Args:
        inputs: which tensors there are, and their sizes.
        hyperparameters: see `DIENHyperparameters`.
    """

    Hyperparameters = DIENHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: DIENHyperparameters,
        item_counts: Any | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, hyperparameters, item_counts, name)
        h, tasks = hyperparameters, len(inputs.tasks)
        self.items = ItemEmbedding(inputs, h.embedding_dimension, h.embedding_l2, name="items")
        self.context = ContextEmbedding(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="context")
        width = self.items.width
        self.behaviour = keras.layers.Dense(width, use_bias=False, name="behaviour")
        self.extractor = InterestExtractor(width, name="extractor")
        self.attention = TargetAttention(
            h.attention, "softmax", h.attention_units, "sigmoid", return_scores=True, name="attention"
        )
        self.evolution = InterestEvolution(width, h.evolution, name="evolution")
        self.tower = MLPTower(h.tower_units, h.activation, h.dropout, name="tower")
        self.score = keras.layers.Dense(tasks, dtype="float32", name="score")
        self.item_bias = EmbeddingTable(inputs.item_rows, tasks, 0.0, "zeros", name="bias") if h.item_bias else None
        self.auxiliary_weight = h.auxiliary_weight
        self.draws = keras.random.SeedGenerator()

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        history, mask = self.items.history(features, training=training)
        beside_items = self.context.history(features, training=training)
        behaviours = history if beside_items is None else history + self.behaviour(beside_items)
        # Without the mask: states after the last behaviour differ from those with it, and nothing looks at them.
        states = self.extractor(behaviours, training=training)
        if training and self.auxiliary_weight:
            if self.inputs_description.history_negatives:
                negatives, found = self.items.history_negatives(features, training=training)
                differs = features["history_negative_item"] != features["history_item"]
                valid = ops.logical_and(ops.logical_and(mask, found), differs)
            else:
                negatives, valid = self._batch_mates(features["history_item"], history, mask)
            self.add_loss(self.auxiliary_weight * next_step_loss(states, history, negatives, valid))
        others = self.context.user(features, training=training)
        user = {"states": states, "mask": mask, "sum": masked_sum(history, mask)}
        return user | ({} if others is None else {"others": others})

    def score_candidates(self, user: Any, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        target = self.items.candidate(features, training=training)
        _, weights = self.attention(target, user["states"], mask=user["mask"], training=training)
        evolved = self.evolution(user["states"], weights, user["mask"], training=training)
        others = [user.get("others"), self.context.candidate(features, training=training)]
        parts = [evolved, target, user["sum"], user["sum"] * target, *(part for part in others if part is not None)]
        scores = self.score(self.tower(ops.concatenate(parts, axis=-1), training=training))
        if self.item_bias is not None:
            scores += ops.cast(self.item_bias(features["item"], training=training), "float32")
        return self.to_logits(scores)

    def _batch_mates(self, items: Any, history: Any, mask: Any) -> tuple[Any, Any]:
        """Behaviours of other rows at the same steps, [B, T, d], and where both they and the row's own are, [B, T]."""
        rows = ops.shape(items)[0]
        shift = keras.random.randint((1,), 1, ops.maximum(rows, 2), seed=self.draws)
        order = (ops.arange(rows, dtype="int32") + shift) % rows
        others = ops.take(items, order, axis=0)
        valid = ops.logical_and(ops.logical_and(mask, others != 0), others != items)
        return ops.take(history, order, axis=0), valid
