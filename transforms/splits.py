"""Split of the log into training, validation and test by global time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from interestflow.transforms.config import EventsConfig, SplitConfig
from interestflow.transforms.reading.files import TableError
from interestflow.transforms.reading.timestamps import MICROSECONDS

SPLITS = ("train", "validation", "test")
ITEMS_SPLIT = "items"
"""The split of the item catalogue, from which matchers retrieve, besides the three by time."""
HOUR = 3_600_000_000
"""Microseconds in an hour."""
Instants = tuple[np.ndarray, np.ndarray]
"""Instants, int64 [M] ascending, and the number of events that each stands for, int64 [M]."""


@dataclass(frozen=True)
class Boundaries:
    """The first instants of validation and test, both inclusive, in microseconds since 1970."""

    validation: int
    test: int

    def split_of(self, time: np.ndarray) -> np.ndarray:
        """Return the position in `SPLITS` of events at these times, int8 [N]."""
        return ((time >= self.validation).astype(np.int8) + (time >= self.test)).astype(np.int8)


def count_by_hour(times: np.ndarray) -> Instants:
    """Return the first instant of every hour that has events, with the number of events of the whole hour.

    Args:
        times: int64 [N] ascending, microseconds since 1970.
    """
    starts = _hour_starts(times)
    return times[starts], np.diff(np.append(starts, len(times)))


def merge_hours(parts: Iterable[Instants]) -> Instants:
    """Merge the hours of several parts of a log, as `count_by_hour` returns them."""
    nothing = np.zeros(0, np.int64)
    parts = [(nothing, nothing), *parts]
    firsts = np.concatenate([firsts for firsts, _ in parts])
    order = np.argsort(firsts, kind="stable")
    firsts, counts = firsts[order], np.concatenate([counts for _, counts in parts])[order]
    starts = _hour_starts(firsts)
    return firsts[starts], np.add.reduceat(counts, starts) if len(starts) else nothing


def _hour_starts(times: np.ndarray) -> np.ndarray:
    """Return the index of the first of the ascending times in each hour."""
    return np.flatnonzero(np.append(True, times[1:] // HOUR != times[:-1] // HOUR)[: len(times)])


def deciding_hours(hours: Instants, split: SplitConfig, events: EventsConfig) -> np.ndarray:
    """Return the hours whose every instant must be known for `find_boundaries` to be exact.

    These are the hours in which a boundary falls, and the first and the last two, where a boundary may have to move.
    For all other hours the first instant is enough.

    Args:
        hours: the hours of the whole log, as `merge_hours` returns them.
        split: shares or instants.
        events: the log, in whose unit the instants are.

    Returns:
        Hours counted from 1970, int64 ascending.
    """
    firsts, counts = hours
    if len(firsts) == 0:
        return np.zeros(0, np.int64)
    before = np.cumsum(counts) - counts
    cuts = np.array([split.train, split.train + split.validation]) * counts.sum()
    cut_positions = np.searchsorted(before, cuts, side="right") - 1
    positions = {0, max(len(firsts) - 2, 0), len(firsts) - 1, *(int(position) for position in cut_positions)}
    deciding = {int(firsts[position]) // HOUR for position in positions}
    instants = (split.validation_from, split.test_from)
    deciding |= {_parse_instant(instant, events) // HOUR for instant in instants if instant is not None}
    return np.array(sorted(deciding), np.int64)


def replace_hours(hours: Instants, instants: Instants) -> Instants:
    """Replace the hours whose every instant is known by these instants.

    Args:
        hours: the hours of the whole log.
        instants: every instant of some of these hours.
    """
    known_hours = np.unique(instants[0] // HOUR)
    is_kept = ~np.isin(hours[0] // HOUR, known_hours)
    times = np.concatenate([hours[0][is_kept], instants[0]])
    order = np.argsort(times, kind="stable")
    return times[order], np.concatenate([hours[1][is_kept], instants[1]])[order]


def find_boundaries(times: np.ndarray, counts: np.ndarray, split: SplitConfig, events: EventsConfig) -> Boundaries:
    """Return where the shares of `split` fall, or the instants that it names.

    All events of one instant fall on the same side: the boundary is the instant of the first event past the share.

    Args:
        times: int64 [M] ascending, the distinct instants of the log.
        counts: [M], the number of events of each instant.
        split: shares or instants.
        events: the log, in whose unit the instants are.

    Raises:
        TableError: if a split would be empty.
    """
    if len(times) == 0:
        raise TableError("the log has no usable event")
    if split.validation_from is not None and split.test_from is not None:
        boundaries = Boundaries(_parse_instant(split.validation_from, events), _parse_instant(split.test_from, events))
    else:
        boundaries = _boundaries_by_share(times, counts, split)
    sizes = np.bincount(boundaries.split_of(times), weights=counts, minlength=3)
    if (sizes == 0).any():
        shown = ", ".join(f"{name} {int(size):,}" for name, size in zip(SPLITS, sizes, strict=True))
        raise TableError(f"`split` should leave events in each of train, validation and test, received {shown}")
    return boundaries


def _boundaries_by_share(times: np.ndarray, counts: np.ndarray, split: SplitConfig) -> Boundaries:
    """Return where the shares of `split` fall."""
    before = np.cumsum(counts) - counts
    total = counts.sum()
    cuts = (split.train * total, (split.train + split.validation) * total)
    # An instant belongs to the earlier split while fewer than its share of events come before it.
    validation, test = (int(np.searchsorted(before, cut - 1e-9, side="left")) for cut in cuts)
    # Three instants are enough for three splits, however uneven they are.
    last = len(times) - 1
    validation = min(max(validation, 1), max(last - 1, 0))
    return Boundaries(int(times[validation]), int(times[min(max(test, validation + 1), last)]))


def _parse_instant(value: float | str, events: EventsConfig) -> int:
    """Convert an instant of the configuration, in the log's unit or as text, to microseconds since 1970."""
    if isinstance(value, str):
        try:
            return int(pl.Series([value]).str.to_datetime(time_unit="us", time_zone="UTC").dt.timestamp("us")[0])
        except pl.exceptions.PolarsError:
            raise TableError(f"`split` should name instants such as 2024-03-01T00:00:00Z, received {value!r}") from None
    if events.timestamp_unit == "ns":
        return int(value) // 1000
    return round(value * MICROSECONDS.get(events.timestamp_unit, 1_000_000))
