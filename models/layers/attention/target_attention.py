"""Attention of the target over the history: how much each behaviour matters for this candidate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.activation import build_activation
from interestflow.models.layers.core.masked_ops import masked_softmax

SCORES = ("mlp", "bilinear", "dot")
NORMALIZATIONS = ("none", "softmax")


@keras.saving.register_keras_serializable(package="interestflow")
class TargetAttention(keras.layers.Layer):
    """`sum_j w_j v_j` with weights `w_j` from scores `s_j` of the query `q` against the keys `k_j`.

    | score | s_j | source |
    |---|---|---|
    | mlp | `MLP([q; k_j; q - k_j; q * k_j])`, ends in one number | DIN (arXiv 1706.06978), 4.3, as its code has it |
    | bilinear | `k_j W q` | DIEN (arXiv 1809.03672), 4.3 |
    | dot | `k_j q / sqrt(d)` | TIN (arXiv 2308.08487) |

    Without normalisation `w_j = s_j`, so that the weights' sum keeps the interest's strength (the paper's choice for
    DIN); with softmax they sum to 1 over the valid behaviours, of mlp's scores over `sqrt(d)` (the code's choice).
    Weights are zero where the mask is false. Scores are computed in float32 from the last product on.

    The four blocks are never joined: their first layer is `(W1 + W3) q + (W2 - W3) k_j + W4 (q * k_j)`, of which the
    first part has no history axis.

    Args:
        score: one of `SCORES`.
        normalization: one of `NORMALIZATIONS`.
        units: widths of mlp's hidden layers; unused by the others.
        activation: of mlp's hidden layers: relu, prelu, dice or sigmoid.
        return_scores: whether the call also returns the weights.
    """

    def __init__(
        self,
        score: str = "mlp",
        normalization: str = "none",
        units: Sequence[int] = (80, 40),
        activation: str = "sigmoid",
        return_scores: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score not in SCORES:
            raise ValueError(f"`score` should be one of {', '.join(SCORES)}, received {score!r}")
        if normalization not in NORMALIZATIONS:
            raise ValueError(
                f"`normalization` should be one of {', '.join(NORMALIZATIONS)}, received {normalization!r}"
            )
        if score == "mlp" and not units:
            raise ValueError("`units` should have at least one layer, received none")
        self.score = score
        self.normalization = normalization
        self.units = tuple(units)
        self.activation = activation
        self.return_scores = return_scores
        self.supports_masking = True
        if score == "mlp":
            self.hidden = [keras.layers.Dense(width, name=f"hidden_{i}") for i, width in enumerate(self.units[1:], 1)]
            self.activations = [build_activation(activation, 3, name=f"activation_{i}") for i in range(len(self.units))]
            # Softmax does not see a constant, so that its bias would never be learned.
            self.last = keras.layers.Dense(1, use_bias=normalization == "none", dtype="float32", name="last")

    def build(self, query_shape: Any, keys_shape: Any, *_: Any, **__: Any) -> None:
        width = keys_shape[-1]
        if self.score != "bilinear" and query_shape[-1] != width:
            raise ValueError(
                f"`query` and `keys` should have the same width for score {self.score!r}, "
                f"received {query_shape[-1]} and {width}"
            )
        if self.score == "bilinear":
            self.kernel = self.add_weight(name="kernel", shape=(width, query_shape[-1]))
        if self.score == "mlp":
            self.kernel = self.add_weight(name="kernel", shape=(4 * width, self.units[0]))
            self.bias = self.add_weight(name="bias", shape=(self.units[0],), initializer="zeros")
            shape = (*keys_shape[:-1], self.units[0])
            self.activations[0].build(shape)
            for dense, activation in zip(self.hidden, self.activations[1:], strict=True):
                dense.build(shape)
                shape = (*shape[:-1], dense.units)
                activation.build(shape)
            self.last.build(shape)

    def call(
        self, query: Any, keys: Any, values: Any | None = None, mask: Any | None = None, training: bool | None = None
    ) -> Any:
        """Attends.

        Args:
            query: [B, q], or [B, N, q] for N queries a history; `q = d` unless the score is bilinear.
            keys: [B, T, d].
            values: [B, T, v]; None: the keys.
            mask: [B, T], true where there is a behaviour; None: everywhere.
            training: for dice's statistics.

        Returns:
            [B, v], or [B, N, v], and with `return_scores` also the weights [B, T], or [B, N, T], in float32.
        """
        values = keys if values is None else values
        if mask is None:
            mask = ops.ones(ops.shape(keys)[:2], "bool")
        if len(query.shape) == 3:
            mask = ops.broadcast_to(mask[:, None], (*ops.shape(query)[:2], ops.shape(keys)[1]))
        scores = ops.cast(getattr(self, f"_{self.score}")(query, keys, mask, training), "float32")
        if self.normalization == "softmax":
            if self.score == "mlp":
                scores = scores / float(keys.shape[-1]) ** 0.5
            weights = masked_softmax(scores, mask)
        else:
            weights = ops.where(mask, scores, 0.0)
        by_query = weights if len(query.shape) == 3 else ops.expand_dims(weights, 1)
        pooled = ops.matmul(ops.cast(by_query, values.dtype), values)
        pooled = pooled if len(query.shape) == 3 else pooled[:, 0]
        return (pooled, weights) if self.return_scores else pooled

    def _dot(self, query: Any, keys: Any, *_: Any) -> Any:
        return ops.cast(_products(query, keys), "float32") / float(keys.shape[-1]) ** 0.5

    def _bilinear(self, query: Any, keys: Any, *_: Any) -> Any:
        return _products(ops.matmul(query, ops.transpose(self.kernel)), keys)

    def _mlp(self, query: Any, keys: Any, mask: Any, training: bool | None) -> Any:
        of_query, of_key, of_difference, of_product = ops.split(ops.convert_to_tensor(self.kernel), 4, axis=0)
        alone = ops.matmul(query, of_query + of_difference) + self.bias
        hidden = ops.matmul(keys, of_key - of_difference)
        if len(query.shape) == 3:
            queries, (steps, width) = ops.shape(query)[1], ops.shape(keys)[1:]
            product = ops.reshape(query[:, :, None] * keys[:, None], (-1, steps, width))
            hidden = hidden[:, None] + ops.reshape(ops.matmul(product, of_product), (-1, queries, steps, self.units[0]))
            hidden = ops.reshape(hidden + alone[:, :, None], (-1, steps, self.units[0]))
            scores = self._score_of(hidden, ops.reshape(mask, (-1, steps)), training)
            return ops.reshape(scores, (-1, queries, steps))
        hidden += ops.matmul(ops.expand_dims(query, 1) * keys, of_product) + ops.expand_dims(alone, 1)
        return self._score_of(hidden, mask, training)

    def _score_of(self, hidden: Any, mask: Any, training: bool | None) -> Any:
        hidden = self._activate(0, hidden, mask, training)
        for number, dense in enumerate(self.hidden, 1):
            hidden = self._activate(number, dense(hidden), mask, training)
        return self.last(hidden)[..., 0]

    def _activate(self, number: int, hidden: Any, mask: Any, training: bool | None) -> Any:
        # Padding must not count in dice's statistics.
        arguments = {"mask": mask, "training": training} if self.activation == "dice" else {}
        return self.activations[number](hidden, **arguments)

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """What comes out has no history axis for Keras to carry the mask along."""

    def compute_output_shape(self, query_shape: Any, keys_shape: Any, values_shape: Any = None, *_: Any) -> Any:
        pooled = (*query_shape[:-1], (values_shape or keys_shape)[-1])
        return (pooled, (*query_shape[:-1], keys_shape[1])) if self.return_scores else pooled

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "score": self.score,
            "normalization": self.normalization,
            "units": list(self.units),
            "activation": self.activation,
            "return_scores": self.return_scores,
        }


def _products(query: Any, keys: Any) -> Any:
    """`k_j q`: [B, T] for a query [B, d], [B, N, T] for queries [B, N, d], of keys [B, T, d]."""
    if len(query.shape) == 3:
        return ops.matmul(query, ops.transpose(keys, (0, 2, 1)))
    return ops.matmul(keys, ops.expand_dims(query, -1))[..., 0]
