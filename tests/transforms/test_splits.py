"""Boundaries of splits, computed from instants and shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from interestflow.transforms.config import SplitConfig
from interestflow.transforms.reading.files import TableError
from interestflow.transforms.splits import (
    HOUR,
    Boundaries,
    count_by_hour,
    deciding_hours,
    find_boundaries,
    merge_hours,
    replace_hours,
)
from tests.transforms.small_config import shop


def boundaries(times: list[int], counts: list[int], unit: str = "s", **split: Any) -> Boundaries:
    events = shop(events={"timestamp_unit": unit}).data.events
    return find_boundaries(np.array(times, np.int64), np.array(counts), SplitConfig(**split), events)


def test_shares_of_ten_single_events() -> None:
    assert boundaries(list(range(10)), [1] * 10) == Boundaries(validation=8, test=9)
    assert boundaries(list(range(10)), [1] * 10, train=0.5, validation=0.2, test=0.3) == Boundaries(5, 7)


def test_simultaneous_events_stay_together_in_the_earlier_split() -> None:
    # Of 40 events, 32 are for training: the 6 of instant 2 begin at the 29th, so all of them still train.
    assert boundaries([1, 2, 3, 4], [28, 6, 3, 3]) == Boundaries(3, 4)


def test_three_instants_are_enough_however_uneven() -> None:
    assert boundaries([1, 2, 3, 4], [14, 4, 1, 1]) == Boundaries(3, 4)
    assert boundaries([1, 2, 3], [1, 1, 100]) == Boundaries(2, 3)
    assert boundaries([1, 2, 3], [100, 1, 1]) == Boundaries(2, 3)


def test_instants_are_in_the_unit_of_the_log() -> None:
    assert boundaries([1_000_000, 2_000_000, 3_000_000], [1, 1, 1], validation_from=2, test_from=3) == Boundaries(
        2_000_000, 3_000_000
    )
    in_milliseconds = boundaries([1_000, 2_000, 3_000], [1, 1, 1], unit="ms", validation_from=2, test_from=3)
    assert in_milliseconds == Boundaries(2_000, 3_000)
    in_nanoseconds = boundaries([1, 2, 3], [1, 1, 1], unit="ns", validation_from=2_000, test_from=3_000)
    assert in_nanoseconds == Boundaries(2, 3)


def test_instants_may_be_dates() -> None:
    day = 86_400_000_000
    cut = boundaries([0, day, 2 * day], [5, 5, 5], validation_from="1970-01-02", test_from="1970-01-03T00:00:00Z")
    assert cut == Boundaries(day, 2 * day)


def test_an_invalid_date_is_named() -> None:
    with pytest.raises(TableError, match="received 'someday'"):
        boundaries([1, 2, 3], [1, 1, 1], validation_from="someday", test_from="tomorrow")


def test_an_empty_split_is_an_error_with_the_sizes() -> None:
    with pytest.raises(TableError, match="received train 4, validation 0, test 0"):
        boundaries([1], [4], validation_from=5, test_from=6)
    with pytest.raises(TableError, match="each of train, validation and test, received train 0, validation 9, test 1"):
        boundaries([1, 2], [9, 1])


def test_no_event_is_an_error() -> None:
    with pytest.raises(TableError, match="no usable event"):
        boundaries([], [])


def test_boundaries_are_inclusive() -> None:
    assert Boundaries(10, 20).split_of(np.array([9, 10, 19, 20, 21])).tolist() == [0, 1, 1, 2, 2]


@given(st.lists(st.integers(1, 5), min_size=30, max_size=200))
def test_shares_are_met_to_within_an_instant(counts: list[int]) -> None:
    times = np.arange(len(counts))
    cut = boundaries(list(times), counts)
    sizes = np.bincount(cut.split_of(times), weights=counts)
    assert abs(sizes[0] - 0.8 * sum(counts)) <= 5
    assert abs(sizes[2] - 0.1 * sum(counts)) <= 5


MINUTES = st.lists(st.integers(0, 60 * 30), min_size=3, max_size=200).filter(lambda minutes: len(set(minutes)) >= 3)


@settings(max_examples=500)
@example([0, 300, 301, 360], 1, (0.8, 0.1))
@given(MINUTES, st.integers(1, 4), st.sampled_from([(0.8, 0.1), (0.5, 0.25), (0.34, 0.33), (0.98, 0.01)]))
def test_boundaries_from_hours_equal_those_from_all_instants(
    minutes: list[int], shards: int, shares: tuple[float, float]
) -> None:
    times = np.array(minutes, np.int64) * (HOUR // 60)
    split = SplitConfig(train=shares[0], validation=shares[1], test=1.0 - sum(shares))
    events = shop().data.events
    parts = [np.sort(times[index::shards]) for index in range(shards)]
    hours = merge_hours(count_by_hour(part) for part in parts)
    deciding = deciding_hours(hours, split, events)
    known_times = times[np.isin(times // HOUR, deciding)]
    instants = replace_hours(hours, np.unique(known_times, return_counts=True))
    expected = np.unique(times, return_counts=True)
    assert find_boundaries(*instants, split, events) == find_boundaries(*expected, split, events)


def test_the_hours_of_configured_instants_are_deciding() -> None:
    split = SplitConfig(validation_from=2 * 3600 + 60, test_from=7 * 3600)
    hours = count_by_hour(np.arange(10) * HOUR)
    assert deciding_hours(hours, split, shop().data.events).tolist() == [0, 2, 7, 8, 9]


def test_an_hour_is_its_first_instant_and_all_its_events() -> None:
    hours = count_by_hour(np.array([5, 7, HOUR - 1, HOUR, 3 * HOUR + 1]))
    np.testing.assert_array_equal(hours, [[5, HOUR, 3 * HOUR + 1], [3, 1, 1]])
    both = merge_hours([hours, count_by_hour(np.array([2, HOUR + 9]))])
    np.testing.assert_array_equal(both, [[2, HOUR, 3 * HOUR + 1], [4, 2, 1]])
    assert (
        [len(part) for part in merge_hours([])]
        == [len(part) for part in count_by_hour(np.zeros(0, np.int64))]
        == [0, 0]
    )
