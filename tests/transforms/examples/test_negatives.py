"""Sampled negatives follow the configured distribution, skip earlier positives of the user, and are repeatable."""

from __future__ import annotations

import numpy as np
import pytest

from interestflow.transforms.config import NegativesConfig
from interestflow.transforms.examples.negatives import NegativeSampler, UserPositives, combine_hashes, hash_texts

NONE = np.zeros(0, np.int64)
NOTHING = UserPositives.from_events(NONE, NONE, NONE, 4)


def sampler(counts: list[int], **settings: object) -> NegativeSampler:
    """Return a sampler of items with these counts."""
    config = NegativesConfig.model_validate({"source": "sampled", **settings})
    return NegativeSampler.from_config(config, np.array(counts))


def draw(
    negatives: NegativeSampler, events: int, positives: UserPositives = NOTHING, time: int = 100, behaviour: int = -1
) -> np.ndarray:
    """Sample negatives for distinct events of one user."""
    keys = combine_hashes(np.arange(events, dtype=np.uint64))
    return negatives.draw(
        keys, np.zeros(events, np.int64), np.full(events, time), np.full(events, behaviour), positives
    )


@pytest.mark.parametrize(("distribution", "expected"), [("uniform", [0.25] * 4), ("popularity", [0.1, 0.2, 0.3, 0.4])])
def test_items_come_as_often_as_their_probability(distribution: str, expected: list[float]) -> None:
    negatives = sampler([1, 2, 3, 4], distribution=distribution)
    np.testing.assert_allclose(negatives.probability, expected)
    shares = np.bincount(draw(negatives, 40_000)[:, 0], minlength=4) / 40_000
    # The standard deviation of a share over 40,000 draws is at most 0.0025.
    np.testing.assert_allclose(shares, expected, atol=0.01)


def test_an_item_with_an_earlier_positive_is_not_sampled() -> None:
    """Items 0 and 2 have a positive before 100, item 3 at that instant: nobody knew of it."""
    user, position, time = np.zeros(3, np.int64), np.array([0, 2, 3]), np.array([50, 99, 100])
    samples = draw(sampler([1, 1, 1, 1]), 1000, UserPositives.from_events(user, position, time, 4), time=100)
    assert set(samples[:, 0].tolist()) == {1, 3}


def test_the_events_own_item_is_not_sampled() -> None:
    assert set(draw(sampler([1, 1, 1, 1]), 1000, behaviour=2)[:, 0].tolist()) == {0, 1, 3}


def test_the_first_positive_of_an_item_counts() -> None:
    user, position, time = np.zeros(2, np.int64), np.array([1, 1]), np.array([90, 10])
    positives = UserPositives.from_events(user, position, time, 4)
    assert positives.contains(np.array([1, 1, 1, 0]), np.array([10, 11, 95, 95])).tolist() == [False, True, True, False]


def test_the_negatives_of_one_event_differ() -> None:
    samples = draw(sampler([5, 1, 1, 1], per_positive=3, distribution="popularity"), 500)
    assert all(len(set(row) - {-1}) == len([item for item in row if item >= 0]) for row in samples.tolist())
    assert (samples >= 0).mean() > 0.9


def test_a_user_with_all_items_as_positives_gets_no_negative() -> None:
    user, position, time = np.zeros(4, np.int64), np.arange(4), np.zeros(4, np.int64)
    assert (draw(sampler([1] * 4), 20, UserPositives.from_events(user, position, time, 4)) == -1).all()


def test_a_sample_depends_on_its_event_and_the_seed_alone() -> None:
    uniform = sampler([1] * 50)
    samples = draw(uniform, 100)
    keys = combine_hashes(np.arange(100, dtype=np.uint64))[40:60]
    part = uniform.draw(keys, np.zeros(20, np.int64), np.full(20, 100), np.full(20, -1), NOTHING)
    np.testing.assert_array_equal(part, samples[40:60])
    assert not np.array_equal(draw(sampler([1] * 50, seed=18), 100), samples)


def test_hashes_of_texts_are_the_same_everywhere() -> None:
    """`printf 'é7' | b2sum -l 64` prints c77750b5697acd4c; the bytes are read with the least significant first."""
    assert [f"{digest:016x}" for digest in hash_texts(["", "é7"]).tolist()] == ["b4b2797457a0a6e4", "4ccd7a69b55077c7"]
