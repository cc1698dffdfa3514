"""Orthogonal directions in which a candidate queries a long history, and the behaviours routed to each."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.masked_ops import mask_scores
from interestflow.models.layers.core.unit_norm import unit_norm
from interestflow.models.tensor import Shape, Tensor

BIAS_SCALE = 0.01
"""Initial diagonal of the bias: enough to tell channels apart where a candidate's vector is zero, small elsewhere."""


def identity_then_rotations(shape: tuple[int, int], dtype: Any = None) -> Tensor:
    """Initialize a kernel [d, d * c]: the identity for the first channel, random orthogonal matrices for the others."""
    width, channels = shape[0], shape[1] // shape[0]
    rotation = keras.initializers.Orthogonal()
    blocks = [ops.eye(width, dtype=dtype), *(rotation((width, width), dtype) for _ in range(channels - 1))]
    return ops.reshape(ops.stack(blocks, axis=-1), shape)


@keras.saving.register_keras_serializable(package="interestflow")
class OrthogonalChannels(keras.layers.Layer):
    """Orthonormal directions `O` [B, d, c], `O'O = I`, from a candidate's vector `v` [B, d].

    `O` is Gram-Schmidt of `reshape(Dense(v))`. The authors' code takes a QR decomposition, whose signs are arbitrary
    and whose gradient explodes where columns are nearly parallel; Gram-Schmidt fixes the signs. The initialization is
    ours: the first channel queries what is similar to the candidate, the others random rotations of it, and a bias
    distinguishes them where there is no candidate. With a random first channel, training would have to discover what
    similarity is.

    Args:
        channels: number of channels `c`, at most `d`.

    Example:

    >>> directions = np.asarray(OrthogonalChannels(channels=2)(ops.array([[1.0, 2.0, 3.0]])))[0]
    >>> bool(np.allclose(directions.T @ directions, np.eye(2), atol=1e-5))
    True

    Reference:
        DiffuMIN (arXiv 2508.15311), orthogonal channels.
    """

    def __init__(self, channels: int, **kwargs: Any) -> None:
        """Store the number of channels."""
        super().__init__(**kwargs)
        self.channels = channels

    def build(self, shape: Shape) -> None:
        """Create the kernel [d, d * c] and the bias [d, c]."""
        width = shape[-1]
        if self.channels > width:
            raise ValueError(f"`channels` should be at most the vectors' width, {width}, received {self.channels}")
        self.kernel = self.add_weight(
            name="kernel", shape=(width, width * self.channels), initializer=identity_then_rotations
        )
        diagonal = keras.initializers.Identity(BIAS_SCALE)
        self.bias = self.add_weight(name="bias", shape=(width, self.channels), initializer=diagonal)

    def call(self, target: Tensor) -> Tensor:
        """Compute the directions, float32 [B, d, c], of candidates' vectors [B, d]."""
        width = target.shape[-1]
        flat = ops.matmul(ops.cast(target, "float32"), ops.cast(self.kernel, "float32"))
        columns = ops.reshape(flat, (-1, width, self.channels)) + ops.cast(self.bias, "float32")
        directions: list[Tensor] = []
        for channel in range(self.channels):
            column = columns[:, :, channel]
            for _ in range(2):  # The second pass removes what rounding left in the first.
                for direction in directions:
                    column = column - ops.sum(direction * column, axis=1, keepdims=True) * direction
            directions.append(unit_norm(column, axis=1))
        return ops.stack(directions, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "channels": self.channels}


def route(scores: Tensor, mask: Tensor, top_k: int, share: float = 1.0) -> Tensor:
    """Assign each behaviour to the channel of its highest score, and keep the highest scores of each channel.

    Behaviours that tie with the last one that a channel keeps are kept too, since nothing distinguishes them.

    Args:
        scores: float32 [B, T, c].
        mask: bool [B, T], true where there is a behaviour.
        top_k: number of behaviours that a channel keeps.
        share: share of its behaviours, above 0 and at most 1, that a channel keeps if they are fewer than `top_k`;
            at least one behaviour.

    Returns:
        bool [B, T, c], true where a channel keeps a behaviour.
    """
    channels, steps = scores.shape[-1], scores.shape[1]
    is_best = ops.one_hot(ops.argmax(scores, axis=-1), channels, dtype="bool")
    routed = ops.logical_and(is_best, ops.expand_dims(mask, -1))
    count: int | Tensor = top_k
    if steps is None:  # A graph for histories of any length.
        count = ops.minimum(top_k, ops.shape(scores)[1])
    elif top_k >= steps and share == 1.0:
        return routed
    else:
        count = min(top_k, steps)
    channel_scores = mask_scores(scores, routed)
    highest = ops.top_k(ops.transpose(channel_scores, (0, 2, 1)), count)[0]
    # Rounding may leave a whole number slightly above itself.
    share_count = ops.ceil(share * ops.sum(ops.cast(routed, "float32"), axis=1) - 1e-4)
    last = ops.clip(ops.cast(share_count, "int32") - 1, 0, count - 1)
    lowest = ops.take_along_axis(highest, ops.expand_dims(last, -1), axis=-1)[..., 0]
    return ops.logical_and(routed, channel_scores >= ops.expand_dims(lowest, 1))
