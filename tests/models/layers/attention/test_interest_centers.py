"""Centres that compete, beside attention that does not."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from interestflow.models.layers.attention.interest_centers import InterestCenters
from interestflow.models.layers.attention.multi_interest_attention import MultiInterestAttention
from interestflow.models.layers.core.unit_norm import unit_norm

USERS, LENGTH, WIDTH, GROUPS = 64, 24, 32, 4


@pytest.fixture(scope="module")
def history() -> np.ndarray:
    """[USERS, LENGTH, WIDTH], of length 1: each user's behaviours are near one of four random directions."""
    random = np.random.default_rng(0)
    directions = random.normal(size=(USERS, GROUPS, WIDTH))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    noise = 0.3 * random.normal(size=(USERS, LENGTH, WIDTH)) / np.sqrt(WIDTH)
    return np.asarray(unit_norm((directions[:, np.arange(LENGTH) % GROUPS] + noise).astype(np.float32)))


def centres(rounds: int, temperature: float = 0.1, count: int = GROUPS) -> InterestCenters:
    keras.utils.set_random_seed(0)
    layer = InterestCenters(WIDTH, count, LENGTH, rounds, temperature)
    layer.build((None, LENGTH, WIDTH))
    return layer


def redundancy_and_coverage(vectors: object, history: np.ndarray) -> tuple[float, float]:
    """Mean cosine between two of a user's vectors, and mean over behaviours of the best cosine to one of them."""
    units = np.asarray(unit_norm(np.asarray(vectors)))
    pairs = np.einsum("bkd,bld->bkl", units, units)[:, ~np.eye(units.shape[1], dtype=bool)]
    return float(pairs.mean()), float(np.einsum("bkd,btd->bkt", units, history).max(axis=1).mean())


def test_rounds_make_centres_differ_and_cover_more(history: np.ndarray) -> None:
    """Fresh weights. Attention 0.98 and 0.55; one round 0.53 and 0.79, two 0.16 and 0.90, three 0.07 and 0.93.

    Other seeds are within 0.03 of these.
    """
    mask = np.ones((USERS, LENGTH), bool)
    keras.utils.set_random_seed(0)
    attention = MultiInterestAttention(WIDTH, GROUPS, LENGTH)
    attention.build((None, LENGTH, WIDTH))
    found = [redundancy_and_coverage(attention(history, mask), history)]
    found += [redundancy_and_coverage(centres(rounds)(history, mask)[0], history) for rounds in (1, 2, 3)]
    redundancy, coverage = zip(*found, strict=True)
    assert np.all(np.diff(redundancy) < -0.05), found
    assert np.all(np.diff(coverage) > 0.01), found
    assert redundancy[0] > 0.9, found
    assert redundancy[3] < 0.15, found
    assert coverage[3] - coverage[0] > 0.3, found


def test_without_competition_centres_are_the_same(history: np.ndarray) -> None:
    """At a temperature of 1 every behaviour gives to all alike: 1.00, as attention."""
    mask = np.ones((USERS, LENGTH), bool)
    assert redundancy_and_coverage(centres(3, temperature=1.0)(history, mask)[0], history)[0] > 0.95


def test_a_behaviour_gives_itself_once(history: np.ndarray) -> None:
    """What it gives to all centres sums to 1, and what is padded gives nothing."""
    mask = np.arange(LENGTH) < np.arange(USERS)[:, None]
    _, shares = centres(3).assign(history, mask)
    np.testing.assert_allclose(np.sum(shares, axis=1), mask, atol=1e-5)


def test_centres_without_behaviours_are_not_used(history: np.ndarray) -> None:
    """Of eight centres, two behaviours that are far apart leave some unused; one is always used; none without any."""
    lengths = np.arange(USERS) % 3
    _, used = centres(3, count=8)(history, np.arange(LENGTH) < lengths[:, None])
    counts = np.sum(used, axis=1)
    assert np.all(counts[lengths == 0] == 0)
    assert np.all(counts[lengths > 0] >= 1)
    assert counts[lengths == 2].mean() < 8


def test_an_empty_history_gives_something_finite(history: np.ndarray) -> None:
    found, _ = centres(2)(history, np.zeros((USERS, LENGTH), bool))
    assert np.all(np.isfinite(found))
