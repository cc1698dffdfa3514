"""How figures of several seeds are shown."""

from __future__ import annotations

import statistics


def mean_and_spread(values: list[float]) -> str:
    """The mean and the sample standard deviation, which is 0 for a single seed."""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.4f} ± {spread:.4f}"
