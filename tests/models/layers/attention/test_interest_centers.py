"""Centers that compete, compared with attention, which does not."""

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
    """Return unit vectors [USERS, LENGTH, WIDTH], each near one of its user's four random directions."""
    random = np.random.default_rng(0)
    directions = random.normal(size=(USERS, GROUPS, WIDTH))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    noise = 0.3 * random.normal(size=(USERS, LENGTH, WIDTH)) / np.sqrt(WIDTH)
    return np.asarray(unit_norm((directions[:, np.arange(LENGTH) % GROUPS] + noise).astype(np.float32)))


def build_centers(iterations: int, temperature: float = 0.1, count: int = GROUPS) -> InterestCenters:
    keras.utils.set_random_seed(0)
    layer = InterestCenters(WIDTH, count, LENGTH, iterations, temperature)
    layer.build((None, LENGTH, WIDTH))
    return layer


def redundancy_and_coverage(vectors: object, history: np.ndarray) -> tuple[float, float]:
    """Return the mean cosine of two of a user's vectors, and the mean of each behaviour's best cosine to one."""
    units = np.asarray(unit_norm(np.asarray(vectors)))
    pairs = np.einsum("bkd,bld->bkl", units, units)[:, ~np.eye(units.shape[1], dtype=bool)]
    return float(pairs.mean()), float(np.einsum("bkd,btd->bkt", units, history).max(axis=1).mean())


def test_iterations_make_centers_differ_and_cover_more(history: np.ndarray) -> None:
    """Redundancy and coverage are 0.98 and 0.55 for attention; 0.53 and 0.79, 0.16 and 0.90, 0.07 and 0.93 for centers.

    These are initial weights, and one, two and three iterations.

    Other seeds are within 0.03 of these.
    """
    mask = np.ones((USERS, LENGTH), bool)
    keras.utils.set_random_seed(0)
    attention = MultiInterestAttention(WIDTH, GROUPS, LENGTH)
    attention.build((None, LENGTH, WIDTH))
    measures = [redundancy_and_coverage(attention(history, mask), history)]
    measures += [
        redundancy_and_coverage(build_centers(iterations)(history, mask)[0], history) for iterations in (1, 2, 3)
    ]
    redundancy, coverage = zip(*measures, strict=True)
    assert np.all(np.diff(redundancy) < -0.05), measures
    assert np.all(np.diff(coverage) > 0.01), measures
    assert redundancy[0] > 0.9, measures
    assert redundancy[3] < 0.15, measures
    assert coverage[3] - coverage[0] > 0.3, measures


def test_without_competition_centers_are_the_same(history: np.ndarray) -> None:
    """At a temperature of 1 every behaviour is shared evenly: redundancy is 1.00, as that of attention."""
    mask = np.ones((USERS, LENGTH), bool)
    assert redundancy_and_coverage(build_centers(3, temperature=1.0)(history, mask)[0], history)[0] > 0.95


def test_the_shares_of_a_behaviour_sum_to_1(history: np.ndarray) -> None:
    """Padding has no shares."""
    mask = np.arange(LENGTH) < np.arange(USERS)[:, None]
    _, shares = build_centers(3).assign(history, mask)
    np.testing.assert_allclose(np.sum(shares, axis=1), mask, atol=1e-5)


def test_centers_without_behaviours_are_not_used(history: np.ndarray) -> None:
    """Two behaviours that are far apart leave some of eight centers unused; without behaviours, all are unused."""
    lengths = np.arange(USERS) % 3
    _, used = build_centers(3, count=8)(history, np.arange(LENGTH) < lengths[:, None])
    counts = np.sum(used, axis=1)
    assert np.all(counts[lengths == 0] == 0)
    assert np.all(counts[lengths > 0] >= 1)
    assert counts[lengths == 2].mean() < 8


def test_the_centers_of_an_empty_history_are_finite(history: np.ndarray) -> None:
    interests, _ = build_centers(2)(history, np.zeros((USERS, LENGTH), bool))
    assert np.all(np.isfinite(interests))
