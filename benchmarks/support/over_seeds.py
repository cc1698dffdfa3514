"""Display of figures over several seeds."""

from __future__ import annotations

import statistics


def mean_and_spread(values: list[float]) -> str:
    """Return mean and sample standard deviation as text; the deviation of a single seed is 0."""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.4f} ± {spread:.4f}"
