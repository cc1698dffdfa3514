"""Sinusoidal encoding of positions and times: Vaswani et al., NeurIPS 2017, section 3.5."""

from __future__ import annotations

import numpy as np
from keras import ops

from interestflow.models.tensor import Tensor

LONGEST = 10_000.0


def sinusoidal_encoding(times: Tensor, width: int, endpoint: bool = True) -> Tensor:
    """Encode numbers as sines and cosines of geometrically growing wavelengths.

    `[sin(t / w_0), ..., sin(t / w_h), cos(t / w_0), ..., cos(t / w_h)]` with `w_i = 10000^(i / n)`: wavelengths grow
    from `2 pi` to `10000 * 2 pi`.

    Args:
        times: numbers [...] of any dtype, in any unit.
        width: size of an encoding. An odd width ends in a zero.
        endpoint: whether the longest wavelength is included (`n` is one less than the number of wavelengths) or is
            the limit of the series (`n` is their number).

    Returns:
        float32 [..., width].

    Reference:
        Attention Is All You Need (arXiv 1706.03762), section 3.5, except that sines and cosines are not interleaved.

    Example:

    >>> np.asarray(sinusoidal_encoding(ops.array([0, 0]), 4))
    array([[0., 0., 1., 1.],
           [0., 0., 1., 1.]], dtype=float32)
    """
    half = width // 2
    rates = LONGEST ** -(np.arange(half) / max(half - 1 if endpoint else half, 1))
    angles = ops.expand_dims(ops.cast(times, "float32"), -1) * rates.astype(np.float32)
    waves = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
    return ops.pad(waves, [(0, 0)] * len(times.shape) + [(0, 1)]) if width % 2 else waves
