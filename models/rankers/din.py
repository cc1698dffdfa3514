"""Deep Interest Network: Zhou et al., KDD 2018, arXiv 1706.06978. Equations 3 to 6 and section 5."""

from __future__ import annotations

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.attention.target_attention import TargetAttention
from interestflow.models.layers.core.batch_normalization import BatchNormalization
from interestflow.models.layers.embedding.feature_encoder import FeatureEncoder
from interestflow.models.losses.click import MiniBatchAwareL2
from interestflow.models.rankers.base import Ranker, repeat_per_candidate
from interestflow.models.rankers.din_spec import DINHyperparameters
from interestflow.models.rankers.score_head import ScoreHead
from interestflow.models.tensor import Features, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class DIN(Ranker):
    """Deep Interest Network: the history summed, each behaviour weighted by its relevance to the candidate.

    With the target's vector `v`, the behaviours' `k_j` and the others `o` of `FeatureEncoder`:

        w_j    = MLP([v; k_j; v - k_j; v * k_j])     local activation unit; no softmax unless configured
        u      = sum_j w_j k_j                       interest
        u'     = Dense(u)
        x      = [u'; v; u' * v; o]
        logits = Dense(MLP(x)) + b_item              Dice in the MLP; one logit and one item bias per task

    From the authors' code rather than the paper: `u'`, `u' * v` and, with `batch_normalization`, the normalization of
    `u` and `x`. Ours: what `k_j` has beside the item, since the paper's behaviours are items alone. The paper's
    mini-batch-aware L2 is applied to the item table, which is the one that overfits.

    Args:
        inputs: description of the input tensors.
        hyperparameters: see `DINHyperparameters`.
        item_counts: [item_rows], the paper's n_j; used by `mini_batch_aware_l2` alone.

    Example:

    >>> inputs = ModelInputs(tasks=("click",), item_rows=10, history_length=3, history_age_buckets=4)
    >>> ranker = DIN(inputs, DINHyperparameters(embedding_dimension=4))
    >>> history = {"history_item": ops.array([[1, 2, 0]]), "history_age": ops.array([[2, 1, 0]])}
    >>> tuple(ranker.rank({"item": ops.array([[3, 4]]), **history})["click"].shape)
    (1, 2)

    Reference:
        Zhou et al., Deep Interest Network for Click-Through Rate Prediction, KDD 2018, arXiv 1706.06978.
    """

    Hyperparameters = DINHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: DINHyperparameters,
        item_counts: Tensor | None = None,
        name: str | None = None,
    ) -> None:
        """Create the layers."""
        super().__init__(inputs, hyperparameters, item_counts, name)
        h, l2 = hyperparameters, hyperparameters.mini_batch_aware_l2
        penalty = MiniBatchAwareL2(l2, inputs.item_rows, item_counts) if l2 else None
        self.encoder = FeatureEncoder(
            inputs, h.embedding_dimension, h.embedding_l2, h.history_age, penalty, name="encoder"
        )
        self.activation_unit = TargetAttention(
            "mlp", h.attention_normalization, h.attention_units, h.attention_activation, name="activation_unit"
        )
        self.interest_norm = BatchNormalization(name="interest_norm") if h.batch_normalization else None
        self.interest = keras.layers.Dense(self.encoder.width, name="interest")
        item_rows = inputs.item_rows if h.item_bias else None
        self.head = ScoreHead(
            len(inputs.tasks), h.tower_units, h.activation, h.dropout, h.batch_normalization, item_rows, name="head"
        )

    def encode_user(self, features: Features, training: bool | None = None) -> Features:
        """Return `history`, [B, T, d], its `mask`, bool [B, T], and the others."""
        history, mask = self.encoder.history(features, training)
        return {"history": history, "mask": mask, **self.encoder.user(features, training)}

    def score_candidates(self, user: Features, features: Features, training: bool | None = None) -> dict[str, Tensor]:
        """Return the logits [B] by task."""
        if training:
            self.encoder.items.penalize(features)
        target = self.encoder.target(features, training)
        interest = self.activation_unit(target, user["history"], mask=user["mask"], training=training)
        return self._score_interest(interest, target, user, features, training)

    def rank(self, features: Features) -> dict[str, Tensor]:
        """Return the logits [B, N] by task, computing the activation unit's terms of each behaviour only once."""
        user, candidates, count = self.encode_request(features)
        target = self.encoder.target(candidates)
        targets = ops.reshape(target, (-1, count, self.encoder.width))
        interest = ops.reshape(self.activation_unit(targets, user["history"], mask=user["mask"]), ops.shape(target))
        others = {name: value for name, value in user.items() if name == "others"}
        others = repeat_per_candidate(others, count)
        logits = self._score_interest(interest, target, others, candidates, training=False)
        return {task: ops.reshape(values, (-1, count)) for task, values in logits.items()}

    def _score_interest(
        self, interest: Tensor, target: Tensor, user: Features, features: Features, training: bool | None
    ) -> dict[str, Tensor]:
        """Return the logits [B] by task, from the interest u, [B, d], and the target v, [B, d]."""
        if self.interest_norm is not None:
            interest = self.interest_norm(interest, training=training)
        interest = self.interest(interest)
        joined = self.encoder.join([interest, target, interest * target], user, features, training)
        return self.to_logits(self.head(joined, features["item"], training=training))
