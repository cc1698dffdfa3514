"""Batches of histories of similar length."""

from __future__ import annotations

import numpy as np

from interestflow.pipeline.training import batching
from interestflow.pipeline.training.batching import group_by_length


def test_a_window_is_sorted_by_length_and_its_batches_are_shuffled() -> None:
    lengths = np.array([3, 1, 2, 0, 3, 1, 2])
    order = np.array([6, 5, 4, 3, 2, 1, 0])
    grouped = group_by_length(order, lengths[order], 2, np.random.default_rng(0))
    # By length, the first six of the order are 3 (0), 5 and 1 (1), 6 and 2 (2), 4 (3); 0 is left for the last batch.
    assert sorted(map(tuple, grouped[:6].reshape(3, 2))) == [(1, 6), (2, 4), (3, 5)]
    assert grouped[6] == 0


def test_examples_stay_in_their_window(monkeypatch) -> None:
    monkeypatch.setattr(batching, "BATCHES_PER_WINDOW", 2)
    order = np.arange(12)
    lengths = np.array([1, 9, 2, 8, 3, 7, 1, 9, 2, 8, 3, 7])
    grouped = group_by_length(order, lengths, 3, np.random.default_rng(1))
    assert {frozenset(batch) for batch in grouped[:6].reshape(2, 3).tolist()} == {
        frozenset({0, 2, 4}), frozenset({1, 3, 5})
    }  # fmt: skip
    assert sorted(grouped[6:].tolist()) == list(range(6, 12))
