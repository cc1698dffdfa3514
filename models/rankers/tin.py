"""Temporal Interest Network: Zhou et al., WWW 2024, arXiv 2308.08487."""

from __future__ import annotations

import keras

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.attention.target_attention import TargetAttention
from interestflow.models.layers.core.batch_normalization import BatchNormalization
from interestflow.models.layers.embedding.feature_encoder import FeatureEncoder
from interestflow.models.layers.sequence.temporal_encoding import TemporalEncoding, positions_from_end
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.score_head import ScoreHead
from interestflow.models.rankers.tin_spec import TINHyperparameters
from interestflow.models.tensor import Features, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class TIN(Ranker):
    """Temporal Interest Network: the meaning of a behaviour for a candidate depends on both, and on the time between.

    With the target's vector `v`, the behaviours' `k_j` and the others `o` of `FeatureEncoder`, and a learned encoding
    `P` of the time `t_j` from behaviour to target (positions back from the target, or the bucket of the gap):

        k'_j   = k_j + P[t_j],  q = v + P[0]
        w_j    = softmax_j(<k'_j, q> / sqrt(d))              no projections, as in the authors' code
        u      = sum_j w_j (k'_j * q) = q * sum_j w_j k'_j   four-way: both meanings and both times
        x      = [u; q; o]
        logits = Dense(MLP(x)) + b_item

    `target_representation: released` is the authors' code, where the product comes after a linear map of the pooled
    behaviours: `p = Dense(BN(sum_j w_j k'_j))`, `x = [p; q; p * q; o]`. Ours: what `k_j` has beside the item, the
    buckets of the gap (powers of two) and both encodings together; the paper's behaviours are items with their
    category.

    Args:
        inputs: description of the input tensors.
        hyperparameters: see `TINHyperparameters`.

    Example:

    >>> inputs = ModelInputs(tasks=("click",), item_rows=10, history_length=3, history_age_buckets=4)
    >>> ranker = TIN(inputs, TINHyperparameters(embedding_dimension=4))
    >>> history = {"history_item": ops.array([[1, 2, 0]]), "history_age": ops.array([[2, 1, 0]])}
    >>> tuple(ranker({"item": ops.array([3]), **history})["click"].shape)
    (1,)

    Reference:
        Zhou et al., Temporal Interest Network for User Response Prediction, WWW 2024, arXiv 2308.08487.
    """

    Hyperparameters = TINHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: TINHyperparameters,
        item_counts: Tensor | None = None,
        name: str | None = None,
    ) -> None:
        """Create the layers."""
        super().__init__(inputs, hyperparameters, item_counts, name)
        h = hyperparameters
        self.encoder = FeatureEncoder(inputs, h.embedding_dimension, h.embedding_l2, name="encoder")
        width, encoding = self.encoder.width, h.temporal_encoding
        self.positions = TemporalEncoding(inputs.history_length, width, name="positions") if encoding != "gap" else None
        self.gaps = TemporalEncoding(inputs.history_age_buckets, width, name="gaps") if encoding != "position" else None
        self.attention = TargetAttention("dot", "softmax", name="attention")
        is_released = h.target_representation == "released"
        self.pooled = keras.layers.Dense(width, name="pooled") if is_released else None
        is_normalized = is_released and h.batch_normalization
        self.pooled_norm = BatchNormalization(name="pooled_norm") if is_normalized else None
        item_rows = inputs.item_rows if h.item_bias else None
        self.head = ScoreHead(
            len(inputs.tasks), h.tower_units, h.activation, h.dropout, h.batch_normalization, item_rows, name="head"
        )

    def encode_user(self, features: Features, training: bool | None = None) -> Features:
        """Return `history`, [B, T, d], with its temporal encoding, its `mask`, bool [B, T], and the others."""
        history, mask = self.encoder.history(features, training)
        if self.positions is not None:
            history = history + self.positions(positions_from_end(mask))
        if self.gaps is not None:
            history = history + self.gaps(features["history_age"])
        return {"history": history, "mask": mask, **self.encoder.user(features, training)}

    def score_candidates(self, user: Features, features: Features, training: bool | None = None) -> dict[str, Tensor]:
        """Return the logits [B] by task."""
        target = self.encoder.target(features, training)
        for encoding in (self.positions, self.gaps):
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
        joined = self.encoder.join(parts, user, features, training)
        return self.to_logits(self.head(joined, features["item"], training=training))
