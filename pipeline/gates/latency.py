"""Latency of requests to a served model, one at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from interestflow.serving.client.rows import Row


def request_latencies(send: Callable[[Row], object], users: Sequence[Row], requests: int) -> np.ndarray:
    """Return the latency of each request, in ms, `[requests]`; one more request comes first and is not timed.

    Args:
        send: Sends a request for one user and waits for the answer.
        users: Users whose requests are sent in turn.
        requests: Number of requests to time.
    """
    send(users[0])
    latencies = []
    for request in range(requests):
        began = time.perf_counter()
        send(users[request % len(users)])
        latencies.append((time.perf_counter() - began) * 1e3)
    return np.array(latencies)
