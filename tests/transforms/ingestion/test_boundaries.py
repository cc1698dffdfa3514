"""Exact split boundaries from hours and sorted shards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from interestflow.transforms.ingestion.boundaries import decide_boundaries
from interestflow.transforms.ingestion.dead_letters import IngestionError, TableReport
from interestflow.transforms.ingestion.shuffle_files import create_file, encode_frame
from interestflow.transforms.splits import HOUR, Boundaries, count_by_hour, find_boundaries
from tests.transforms.small_log import configuration


def shard(folder: Path, index: int, times: np.ndarray) -> tuple[int, str]:
    """Write a sorted shard whose events happened at these times."""
    path = str(folder / f"{index}.arrow")
    with create_file(path) as file:
        file.write(encode_frame(pl.DataFrame({"timestamp": times})))
    return index, path


def test_boundaries_are_those_of_all_instants_although_only_hours_are_known(tmp_path: Path) -> None:
    """200 events over 50 hours in two shards; the boundaries fall within hours."""
    config = configuration()
    times = np.sort(np.random.default_rng(2).integers(0, 50 * HOUR, 200))
    parts = [times[::2], times[1::2]]
    hours = [count_by_hour(part) for part in parts]
    shards = [shard(tmp_path, index, part) for index, part in enumerate(parts)]
    expected = find_boundaries(*np.unique(times, return_counts=True), config.split, config.data.events)
    assert (
        decide_boundaries(None, config, hours, shards, []) == expected == Boundaries(int(times[160]), int(times[180]))
    )


def test_an_empty_split_ends_the_run(tmp_path: Path) -> None:
    times = np.array([5, 5, 5])
    with pytest.raises(IngestionError, match="`split` should leave events in each of train, validation and test"):
        decide_boundaries(None, configuration(), [count_by_hour(times)], [shard(tmp_path, 0, times)], [])


def test_too_many_dead_letters_end_the_run_before_anything_is_read() -> None:
    with pytest.raises(IngestionError, match=r"received 6 of 10, 60\.00%: 6 x no user id"):
        decide_boundaries(None, configuration(), [], [], [TableReport("events", 10, {"no user id": 6})])
