"""Latency and rate of calls, and measures that take turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

WARM_UP_CALLS = 5
Timing = tuple[np.ndarray, float]
"""Duration of each call in seconds, `[N]`, and calls per second."""


def time_calls(call: Callable[[], object], seconds: float) -> Timing:
    """Call `call` back to back for `seconds` after a few calls that are not timed."""
    for _ in range(WARM_UP_CALLS):
        call()
    durations = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        call()
        durations.append(time.perf_counter() - began)
    return np.array(durations), 1.0 / float(np.mean(durations))


def measure_in_turns(
    measures: Mapping[str, Callable[[float], Timing]], seconds: float = 5.0, turns: int = 10
) -> dict[str, Timing]:
    """Run measures in turns, because the speed of a machine drifts and figures are compared with one another.

    Args:
        measures: Measures by name; each is called with the seconds of one turn.
        seconds: Seconds that each measure runs in total.
        turns: Turns of each measure.

    Returns:
        For each measure the calls of all turns, and the mean of its rates.
    """
    results = [{name: measure(seconds / turns) for name, measure in measures.items()} for _ in range(turns)]
    return {
        name: (np.concatenate([turn[name][0] for turn in results]), float(np.mean([turn[name][1] for turn in results])))
        for name in measures
    }
