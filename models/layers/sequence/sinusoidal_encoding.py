"""A time as sines and cosines of it: Vaswani et al., NeurIPS 2017, section 3.5."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

LONGEST = 10_000.0


def sinusoidal_encoding(times: Any, width: int) -> Any:
    """float32 [..., width] of times [...]: sines in the first half, cosines in the other.

    Wavelengths grow from 2 pi to 10,000 * 2 pi in a geometric series.

    Args:
        times: numbers of any kind.
        width: even.
    """
    half = width // 2
    rates = LONGEST ** -(np.arange(half) / max(half - 1, 1))
    angles = ops.expand_dims(ops.cast(times, "float32"), -1) * rates.astype(np.float32)
    return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
