"""Directions that a candidate asks a long history about, and the behaviours that answer in each."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.masked_ops import mask_scores
from interestflow.models.layers.core.unit_norm import unit_norm

APART = 0.01
"""How far the bias sets fresh channels apart: enough where a candidate's vector is zero, little where it is not."""


def identity_then_rotations(shape: tuple[int, int], dtype: Any = None) -> Any:
    """A fresh kernel [d, d * c]: the first channel's block is the identity, the others turn the vector at random."""
    width, channels = shape[0], shape[1] // shape[0]
    turn = keras.initializers.Orthogonal()
    blocks = [ops.eye(width, dtype=dtype), *(turn((width, width), dtype) for _ in range(channels - 1))]
    return ops.reshape(ops.stack(blocks, axis=-1), shape)


@keras.saving.register_keras_serializable(package="interestflow")
class OrthogonalChannels(keras.layers.Layer):
    """`O` [B, d, c] with `O'O = I` from a candidate's vector [B, d]: Gram-Schmidt of `reshape(Dense(v))`.

    DiffuMIN (arXiv 2508.15311), orthogonal channels. The authors' code takes a QR decomposition, whose
    signs are arbitrary and whose gradient explodes where columns are nearly parallel. Gram-Schmidt fixes the signs. How
    it begins is ours: the first channel asks for what is like the candidate, the others for random turns of it, and a
    bias sets them apart where there is no candidate. A random first channel has to find out what likeness is.

    Args:
        channels: `c`, at most `d`.
    """

    def __init__(self, channels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.channels = channels

    def build(self, shape: Any) -> None:
        width = shape[-1]
        if self.channels > width:
            raise ValueError(f"`channels` should be at most the vectors' width, {width}, received {self.channels}")
        self.kernel = self.add_weight(
            name="kernel", shape=(width, width * self.channels), initializer=identity_then_rotations
        )
        apart = keras.initializers.Identity(APART)
        self.bias = self.add_weight(name="bias", shape=(width, self.channels), initializer=apart)

    def call(self, target: Any) -> Any:
        """In float32."""
        width = target.shape[-1]
        flat = ops.matmul(ops.cast(target, "float32"), ops.cast(self.kernel, "float32"))
        columns = ops.reshape(flat, (-1, width, self.channels)) + ops.cast(self.bias, "float32")
        made: list[Any] = []
        for number in range(self.channels):
            column = columns[:, :, number]
            for _ in range(2):  # once leaves what rounding left
                for other in made:
                    column = column - ops.sum(other * column, axis=1, keepdims=True) * other
            made.append(unit_norm(column, axis=1))
        return ops.stack(made, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels}


def route(scores: Any, mask: Any, top_k: int, share: float = 1.0) -> Any:
    """Which behaviour belongs to which channel: bool [B, T, c].

    Each valid behaviour is in the one channel where its score is highest; a channel keeps its own highest, and all that
    score as the last of them does, since nothing says which of them it should be.

    Args:
        scores: float32 [B, T, c].
        mask: bool [B, T].
        top_k: how many a channel keeps.
        share: of a channel's behaviours, above 0 and at most 1, which it keeps if they are fewer: at least one.
    """
    channels, steps = scores.shape[-1], scores.shape[1]
    is_best = ops.one_hot(ops.argmax(scores, axis=-1), channels, dtype="bool")
    routed = ops.logical_and(is_best, ops.expand_dims(mask, -1))
    if steps is None:  # a graph for histories of any length
        top_k = ops.minimum(top_k, ops.shape(scores)[1])
    elif top_k >= steps and share == 1.0:
        return routed
    else:
        top_k = min(top_k, steps)
    own = mask_scores(scores, routed)
    highest = ops.top_k(ops.transpose(own, (0, 2, 1)), top_k)[0]
    # Rounding may put a whole number slightly above itself.
    of_share = ops.ceil(share * ops.sum(ops.cast(routed, "float32"), axis=1) - 1e-4)
    last = ops.clip(ops.cast(of_share, "int32") - 1, 0, top_k - 1)
    lowest = ops.take_along_axis(highest, ops.expand_dims(last, -1), axis=-1)[..., 0]
    return ops.logical_and(routed, own >= ops.expand_dims(lowest, 1))
