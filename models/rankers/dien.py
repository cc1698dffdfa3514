"""Deep Interest Evolution Network: Zhou et al., AAAI 2019, arXiv 1809.03672."""

from __future__ import annotations

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.attention.target_attention import TargetAttention
from interestflow.models.layers.core.masked_ops import masked_sum
from interestflow.models.layers.embedding.feature_encoder import FeatureEncoder
from interestflow.models.layers.sequence.interest_evolution import InterestEvolution
from interestflow.models.layers.sequence.interest_extractor import InterestExtractor
from interestflow.models.losses.next_step import next_step_loss
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.dien_spec import DIENHyperparameters
from interestflow.models.rankers.score_head import ScoreHead
from interestflow.models.tensor import Features, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class DIEN(Ranker):
    """Deep Interest Evolution Network: interests are recurrent states that evolve towards the candidate.

    With the target's vector `v`, the behaviours' `k_j`, of which `e_j` is the item's part, and the others `o` of
    `FeatureEncoder`:

        h_t    = GRU(k_t)                            interest extractor
        a_t    = softmax_t(h_t W v)                  attention; `mlp` as in the authors' code
        h'     = last state of AUGRU(h_t, a_t)       interest evolution; other cells: see `EvolutionCell`
        s      = sum_t e_t
        x      = [h'; v; s; s * v; o]
        logits = Dense(MLP(x)) + b_item

    Training adds `auxiliary_weight` times the auxiliary loss, `next_step_loss`. Its negatives are drawn from the log
    when examples are made, as by the authors, where the inputs have them (`inputs.history_negatives`). Otherwise they
    are ours: for each step, the behaviour of another example of the batch at the same step, drawn anew in each batch,
    so that items are drawn as often as they occur. A step whose negative is padding or the same item is left out.

    Ours besides: what `k_j` has beside the item, and the item bias, as in DIN.

    Args:
        inputs: description of the input tensors.
        hyperparameters: see `DIENHyperparameters`.

    Example:

    >>> inputs = ModelInputs(tasks=("click",), item_rows=10, history_length=3, history_age_buckets=4)
    >>> ranker = DIEN(inputs, DIENHyperparameters(embedding_dimension=4))
    >>> history = {"history_item": ops.array([[1, 2, 0]]), "history_age": ops.array([[2, 1, 0]])}
    >>> tuple(ranker({"item": ops.array([3]), **history})["click"].shape)
    (1,)

    Reference:
        Zhou et al., Deep Interest Evolution Network for Click-Through Rate Prediction, AAAI 2019, arXiv 1809.03672.
    """

    Hyperparameters = DIENHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: DIENHyperparameters,
        item_counts: Tensor | None = None,
        name: str | None = None,
    ) -> None:
        """Create the layers."""
        super().__init__(inputs, hyperparameters, item_counts, name)
        h = hyperparameters
        self.encoder = FeatureEncoder(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="encoder")
        width = self.encoder.width
        self.extractor = InterestExtractor(width, name="extractor")
        self.attention = TargetAttention(
            h.attention, "softmax", h.attention_units, "sigmoid", return_scores=True, name="attention"
        )
        self.evolution = InterestEvolution(width, h.evolution, name="evolution")
        item_rows = inputs.item_rows if h.item_bias else None
        self.head = ScoreHead(
            len(inputs.tasks), h.tower_units, h.activation, h.dropout, item_rows=item_rows, name="head"
        )
        self.auxiliary_weight = h.auxiliary_weight
        self.seed_generator = keras.random.SeedGenerator()

    def encode_user(self, features: Features, training: bool | None = None) -> Features:
        """Return `states`, [B, T, d], their `mask`, bool [B, T], the `sum` of items, [B, d], and the others."""
        items, mask = self.encoder.history_items(features, training)
        behaviours = self.encoder.add_behaviour_context(items, features, training)
        # Without the mask: it would change only the states after the last behaviour, which nothing reads.
        states = self.extractor(behaviours, training=training)
        if training and self.auxiliary_weight:
            negatives, valid = self._negatives(features, items, mask)
            self.add_loss(self.auxiliary_weight * next_step_loss(states, items, negatives, valid))
        user = {"states": states, "mask": mask, "sum": masked_sum(items, mask)}
        return user | self.encoder.user(features, training)

    def score_candidates(self, user: Features, features: Features, training: bool | None = None) -> dict[str, Tensor]:
        """Return the logits [B] by task."""
        target = self.encoder.target(features, training)
        _, weights = self.attention(target, user["states"], mask=user["mask"], training=training)
        evolved = self.evolution(user["states"], weights, user["mask"], training=training)
        parts = [evolved, target, user["sum"], user["sum"] * target]
        joined = self.encoder.join(parts, user, features, training)
        return self.to_logits(self.head(joined, features["item"], training=training))

    def _negatives(self, features: Features, items: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return a negative for each step, [B, T, d], and the steps that have one, bool [B, T]."""
        if not self.inputs_description.history_negatives:
            return self._sample_from_batch(features["history_item"], items, mask)
        negatives, has_negative = self.encoder.items.history_negatives(features, training=True)
        differs = features["history_negative_item"] != features["history_item"]
        return negatives, ops.logical_and(ops.logical_and(mask, has_negative), differs)

    def _sample_from_batch(self, ids: Tensor, items: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Take as negatives the behaviours of another row of the batch at the same steps.

        Args:
            ids: [B, T], of the behaviours' items.
            items: [B, T, d], their vectors.
            mask: bool [B, T].

        Returns:
            Negatives [B, T, d], and the steps at which both rows have a behaviour and the items differ, bool [B, T].
        """
        rows = ops.shape(ids)[0]
        shift = keras.random.randint((1,), 1, ops.maximum(rows, 2), seed=self.seed_generator)
        order = (ops.arange(rows, dtype="int32") + shift) % rows
        negative_ids = ops.take(ids, order, axis=0)
        valid = ops.logical_and(ops.logical_and(mask, negative_ids != 0), negative_ids != ids)
        return ops.take(items, order, axis=0), valid
