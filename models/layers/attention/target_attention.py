"""Attention of a target to a history: the relevance of each behaviour to the candidate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.activation import build_activation
from interestflow.models.layers.core.masked_ops import masked_softmax
from interestflow.models.native.library import native_kernels
from interestflow.models.tensor import Shape, Tensor

SCORES = ("mlp", "bilinear", "dot")
NORMALIZATIONS = ("none", "softmax")


@keras.saving.register_keras_serializable(package="interestflow")
class TargetAttention(keras.layers.Layer):
    """Weighted sum `sum_j w_j v_j`, with weights `w_j` from scores `s_j` of the query `q` against the keys `k_j`.

    | score | s_j | source |
    |---|---|---|
    | mlp | `MLP([q; k_j; q - k_j; q * k_j])`, whose last layer has one unit | DIN, 4.3, as in the authors' code |
    | bilinear | `k_j W q` | DIEN, 4.3 |
    | dot | `k_j q / sqrt(d)` | TIN |

    Without normalization `w_j = s_j`, so that the sum of the weights keeps the strength of the interest (DIN's choice
    in the paper). With softmax they sum to 1 over the valid behaviours, and the scores of `mlp` are first divided by
    `sqrt(d)` (the choice of DIN's code). Weights are zero where the mask is false. Scores are in float32 from the last
    product on.

    The four inputs of the MLP are never concatenated: its first layer is `(W1 + W3) q + (W2 - W3) k_j + W4 (q * k_j)`,
    of which the first term has no history axis. On a CPU, training with two hidden layers of sigmoids computes the
    scores by a kernel in C++, where `native.library` has enabled it.

    Args:
        score: one of `SCORES`.
        normalization: one of `NORMALIZATIONS`.
        units: widths of the hidden layers of `mlp`; unused by the others.
        activation: activation of the hidden layers of `mlp`: relu, prelu, dice or sigmoid.
        return_scores: whether the call also returns the weights.

    Example:

    >>> attention = TargetAttention("dot", "softmax", return_scores=True)
    >>> query, keys = ops.array([[1.0, 0.0]]), ops.array([[[9.0, 0.0], [0.0, 9.0], [9.0, 9.0]]])
    >>> pooled, weights = attention(query, keys, mask=ops.array([[True, True, False]]))
    >>> np.round(np.asarray(weights), 3)
    array([[0.998, 0.002, 0.   ]], dtype=float32)

    Reference:
        DIN: Deep Interest Network (arXiv 1706.06978), section 4.3. DIEN: Deep Interest Evolution Network
        (arXiv 1809.03672), section 4.3. TIN: Temporal Interest Network (arXiv 2308.08487).
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
        """Create the layers of the MLP, if the score is one."""
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
            # Softmax is invariant to a constant, so that no gradient would reach a bias.
            self.last = keras.layers.Dense(1, use_bias=normalization == "none", dtype="float32", name="last")

    def build(self, query_shape: Shape, keys_shape: Shape, *_: Shape, **__: Shape) -> None:
        """Create the weights for query and keys of these shapes."""
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
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor | None = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Attend to a history.

        Args:
            query: [B, q], or [B, N, q] for N queries to each history; `q = d` unless the score is bilinear.
            keys: [B, T, d].
            values: [B, T, v]; without them, the keys.
            mask: bool [B, T], true where there is a behaviour; without it, everywhere.
            training: whether Dice uses the statistics of the batch.

        Returns:
            [B, v], or [B, N, v], and with `return_scores` also the weights [B, T], or [B, N, T], in float32.
        """
        values = keys if values is None else values
        if mask is None:
            mask = ops.ones(ops.shape(keys)[:2], "bool")
        has_queries = len(query.shape) == 3
        if has_queries:
            mask = ops.broadcast_to(mask[:, None], (*ops.shape(query)[:2], ops.shape(keys)[1]))
        scores = ops.cast(getattr(self, f"_{self.score}")(query, keys, mask, training), "float32")
        if self.normalization == "softmax":
            if self.score == "mlp":
                scores = scores / float(keys.shape[-1]) ** 0.5
            weights = masked_softmax(scores, mask)
        else:
            weights = ops.where(mask, scores, 0.0)
        by_query = weights if has_queries else ops.expand_dims(weights, 1)
        pooled = ops.matmul(ops.cast(by_query, values.dtype), values)
        pooled = pooled if has_queries else pooled[:, 0]
        return (pooled, weights) if self.return_scores else pooled

    def _dot(self, query: Tensor, keys: Tensor, *_: Any) -> Tensor:
        return ops.cast(_inner_products(query, keys), "float32") / float(keys.shape[-1]) ** 0.5

    def _bilinear(self, query: Tensor, keys: Tensor, *_: Any) -> Tensor:
        return _inner_products(ops.matmul(query, ops.transpose(self.kernel)), keys)

    def _mlp(self, query: Tensor, keys: Tensor, mask: Tensor, training: bool | None) -> Tensor:
        query_kernel, key_kernel, difference_kernel, product_kernel = ops.split(
            ops.convert_to_tensor(self.kernel), 4, axis=0
        )
        query_term = ops.matmul(query, query_kernel + difference_kernel) + self.bias
        if training and len(query.shape) == 2 and self._has_kernel():
            first_weights = (key_kernel - difference_kernel, product_kernel)
            return self._fused_scores(query, query_term, keys, mask, first_weights)
        hidden = ops.matmul(keys, key_kernel - difference_kernel)
        if len(query.shape) == 3:
            queries, (steps, width) = ops.shape(query)[1], ops.shape(keys)[1:]
            product = ops.reshape(query[:, :, None] * keys[:, None], (-1, steps, width))
            hidden = hidden[:, None] + ops.reshape(
                ops.matmul(product, product_kernel), (-1, queries, steps, self.units[0])
            )
            hidden = ops.reshape(hidden + query_term[:, :, None], (-1, steps, self.units[0]))
            scores = self._apply_layers(hidden, ops.reshape(mask, (-1, steps)), training)
            return ops.reshape(scores, (-1, queries, steps))
        hidden += ops.matmul(ops.expand_dims(query, 1) * keys, product_kernel) + ops.expand_dims(query_term, 1)
        return self._apply_layers(hidden, mask, training)

    def _has_kernel(self) -> bool:
        """Return whether a kernel in C++ computes this MLP in training."""
        return len(self.units) == 2 and self.activation == "sigmoid" and native_kernels() is not None

    def _fused_scores(
        self, query: Tensor, query_term: Tensor, keys: Tensor, mask: Tensor, first_weights: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Return what `_apply_layers` returns, computed by the kernel."""
        from interestflow.models.native.attention_scores import attention_scores  # needs TensorFlow

        kernels = native_kernels()
        assert kernels is not None
        (hidden,) = self.hidden
        weights = (*first_weights, hidden.kernel, hidden.bias, ops.convert_to_tensor(self.last.kernel)[:, 0])
        scores = attention_scores(kernels, query, query_term, keys, mask, weights)
        return scores if self.last.bias is None else scores + ops.cast(self.last.bias, "float32")

    def _apply_layers(self, hidden: Tensor, mask: Tensor, training: bool | None) -> Tensor:
        """Return the scores [B, T] that the MLP gives from its first layer's output [B, T, units[0]]."""
        hidden = self._activate(0, hidden, mask, training)
        for index, dense in enumerate(self.hidden, 1):
            hidden = self._activate(index, dense(hidden), mask, training)
        return self.last(hidden)[..., 0]

    def _activate(self, index: int, hidden: Tensor, mask: Tensor, training: bool | None) -> Tensor:
        # Padding must not count in Dice's statistics.
        arguments = {"mask": mask, "training": training} if self.activation == "dice" else {}
        return self.activations[index](hidden, **arguments)

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """Return None: the output has no history axis that a mask could follow."""

    def compute_output_shape(
        self, query_shape: Shape, keys_shape: Shape, values_shape: Shape | None = None, *_: Shape
    ) -> Shape:
        """Return the shape of the pooled values and, with `return_scores`, that of the weights."""
        pooled = (*query_shape[:-1], (values_shape or keys_shape)[-1])
        return (pooled, (*query_shape[:-1], keys_shape[1])) if self.return_scores else pooled

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "score": self.score,
            "normalization": self.normalization,
            "units": list(self.units),
            "activation": self.activation,
            "return_scores": self.return_scores,
        }


def _inner_products(query: Tensor, keys: Tensor) -> Tensor:
    """Return `k_j q` of keys [B, T, d]: [B, T] for a query [B, d], [B, N, T] for queries [B, N, d]."""
    if len(query.shape) == 3:
        return ops.matmul(query, ops.transpose(keys, (0, 2, 1)))
    return ops.matmul(keys, ops.expand_dims(query, -1))[..., 0]
