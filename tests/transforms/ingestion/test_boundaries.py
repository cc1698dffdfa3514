"""Exact split boundaries from hours and sorted shards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from interestflow.transforms.ingestion.boundaries import (
    decide_boundaries,
    decide_hours,
    find_instants,
    merge_instants,
)
from interestflow.transforms.ingestion.dead_letters import IngestionError, TableReport
from interestflow.transforms.ingestion.shuffle_files import FrameFile
from interestflow.transforms.ingestion.sort_step import SortedShard, SortedSlice
from interestflow.transforms.splits import HOUR, Boundaries, count_by_hour, find_boundaries
from tests.transforms.small_log import configuration


def shard(folder: Path, index: int, times: np.ndarray) -> SortedShard:
    """Write a sorted shard of two slices whose events happened at these times."""
    with FrameFile(str(folder / f"{index}.arrow")) as file:
        parts = [file.write(pl.DataFrame({"timestamp": part})) for part in (times[:40], times[40:])]
    return index, [SortedSlice(part, part) for part in parts]


def test_boundaries_are_those_of_all_instants_although_only_hours_are_known(tmp_path: Path) -> None:
    """200 events over 50 hours in two shards; the boundaries fall within hours."""
    config = configuration()
    times = np.sort(np.random.default_rng(2).integers(0, 50 * HOUR, 200))
    parts = [times[::2], times[1::2]]
    hours = [count_by_hour(part) for part in parts]
    shards = [shard(tmp_path, index, part) for index, part in enumerate(parts)]
    deciding = decide_hours(None, config, hours, [])
    instants = [find_instants(part, deciding) for part in shards]
    assert sum(len(known) for known, _ in instants) < 60
    expected = find_boundaries(*np.unique(times, return_counts=True), config.split, config.data.events)
    assert decide_boundaries(None, config, hours, instants) == expected == Boundaries(int(times[160]), int(times[180]))


def test_instants_of_shards_are_summed() -> None:
    parts = [(np.array([3, 5]), np.array([1, 2])), (np.array([4, 5]), np.array([7, 1]))]
    times, counts = merge_instants(parts)
    assert (times.tolist(), counts.tolist()) == ([3, 4, 5], [1, 7, 3])
    assert [len(part) for part in merge_instants([])] == [0, 0]


def test_an_empty_split_ends_the_run() -> None:
    times = np.array([5, 5, 5])
    with pytest.raises(IngestionError, match="`split` should leave events in each of train, validation and test"):
        decide_boundaries(None, configuration(), [count_by_hour(times)], [])


def test_too_many_dead_letters_end_the_run_before_anything_is_read() -> None:
    with pytest.raises(IngestionError, match=r"received 6 of 10, 60\.00%: 6 x no user id"):
        decide_hours(None, configuration(), [], [TableReport("events", 10, {"no user id": 6})])
