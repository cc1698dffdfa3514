"""The steps of the ingestion job that decide where the splits begin."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.feature_names import TIMESTAMP
from interestflow.transforms.ingestion.dead_letters import IngestionError, TableReport, check_dead_letters
from interestflow.transforms.ingestion.sort_step import SortedShard
from interestflow.transforms.reading.files import TableError
from interestflow.transforms.splits import (
    HOUR,
    Boundaries,
    Instants,
    deciding_hours,
    find_boundaries,
    merge_hours,
    replace_hours,
)


def decide_hours(_: None, config: IngestionConfig, hours: list[Instants], reports: list[TableReport]) -> np.ndarray:
    """Return the hours in which boundaries fall, counted from 1970: every instant of them is needed, but of no others.

    Args:
        config: the configuration of the log.
        hours: the hours of parts of the log, as `count_by_hour` returns them.
        reports: counts of the rows read of every table.

    Raises:
        IngestionError: if a table has too many dead letters.
    """
    check_dead_letters(reports, config)
    return deciding_hours(merge_hours(hours), config.split, config.data.events)


def find_instants(shard: SortedShard, hours: np.ndarray) -> Instants:
    """Return every instant within the given hours in one sorted shard."""
    parts = [np.zeros(0, np.int64)]
    for part in shard[1]:
        times = part.read_items().get_column(TIMESTAMP).to_numpy()
        parts.append(times[np.isin(times // HOUR, hours)])
    return np.unique(np.concatenate(parts), return_counts=True)


def decide_boundaries(_: None, config: IngestionConfig, hours: list[Instants], instants: list[Instants]) -> Boundaries:
    """Return where validation and test begin, exactly, without holding all instants of the log at once.

    Args:
        config: the configuration of the log.
        hours: the hours of parts of the log, as `count_by_hour` returns them.
        instants: the instants of each shard within the hours that decide.

    Raises:
        IngestionError: if a split would be empty.
    """
    known = replace_hours(merge_hours(hours), merge_instants(instants))
    try:
        return find_boundaries(*known, config.split, config.data.events)
    except TableError as error:
        raise IngestionError(str(error)) from None


def merge_instants(parts: Iterable[Instants]) -> Instants:
    """Merge the instants of several shards, and sum how many events each stands for."""
    parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64)), *parts]
    times, inverse = np.unique(np.concatenate([times for times, _ in parts]), return_inverse=True)
    counts = np.zeros(len(times), np.int64)
    np.add.at(counts, inverse, np.concatenate([counts for _, counts in parts]))
    return times, counts
