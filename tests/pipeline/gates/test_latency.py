"""Requests are sent for the users in turn, and all but the first are timed."""

from __future__ import annotations

import time

from interestflow.pipeline.gates.latency import request_latencies


def test_users_are_requested_in_turn_after_a_request_that_is_not_timed() -> None:
    sent: list[str] = []
    latencies = request_latencies(lambda user: sent.append(user["user"]), [{"user": "a"}, {"user": "b"}], 3)
    assert sent == ["a", "a", "b", "a"]
    assert latencies.shape == (3,)
    assert (latencies >= 0.0).all()


def test_a_latency_is_in_milliseconds() -> None:
    (latency,) = request_latencies(lambda user: time.sleep(0.01), [{}], 1)
    assert 10.0 <= latency < 1000.0
