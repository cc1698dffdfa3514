"""The step of the ingestion job that decides where the splits begin."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.feature_names import TIMESTAMP
from interestflow.transforms.ingestion.dead_letters import IngestionError, TableReport, check_dead_letters
from interestflow.transforms.ingestion.shuffle_files import decode_frame, read_bytes
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


def decide_boundaries(
    _: None,
    config: IngestionConfig,
    hours: list[Instants],
    shards: list[tuple[int, str]],
    reports: list[TableReport],
) -> Boundaries:
    """Return where validation and test begin, exactly, without holding all instants of the log at once.

    Args:
        config: the configuration of the log.
        hours: the hours of each shard, as `count_by_hour` returns them.
        shards: the sorted shards with their paths; the few hours that decide are read again from there.
        reports: counts of the rows read of every table.

    Raises:
        IngestionError: if a table has too many dead letters, or a split would be empty.
    """
    check_dead_letters(reports, config)
    all_hours = merge_hours(hours)
    deciding = deciding_hours(all_hours, config.split, config.data.events)
    instants = replace_hours(all_hours, _instants_in_hours((path for _, path in shards), deciding))
    try:
        return find_boundaries(*instants, config.split, config.data.events)
    except TableError as error:
        raise IngestionError(str(error)) from None


def _instants_in_hours(paths: Iterable[str], hours: np.ndarray) -> Instants:
    """Read every instant within the given hours, counted from 1970, from the sorted shards."""
    parts = [np.zeros(0, np.int64)]
    for path in paths:
        times = decode_frame(read_bytes(path), [TIMESTAMP]).get_column(TIMESTAMP).to_numpy()
        parts.append(times[np.isin(times // HOUR, hours)])
    return np.unique(np.concatenate(parts), return_counts=True)
