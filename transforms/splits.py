"""Cuts the log into training, validation and test by global time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from interestflow.transforms.config import EventsConfig, SplitConfig
from interestflow.transforms.reading.files import TableError
from interestflow.transforms.reading.timestamps import MICROSECONDS

SPLITS = ("train", "validation", "test")
HOUR = 3_600_000_000
"""In microseconds."""
Instants = tuple[np.ndarray, np.ndarray]
"""int64 [M] ascending, and int64 [M], how many events each stands for."""


@dataclass(frozen=True)
class Boundaries:
    """Validation begins at `validation`, test at `test`: microseconds since 1970, both inclusive."""

    validation: int
    test: int

    def split_of(self, time: np.ndarray) -> np.ndarray:
        """int8 [N]: the position in `SPLITS` of events at these times."""
        return ((time >= self.validation).astype(np.int8) + (time >= self.test)).astype(np.int8)


def by_hour(times: np.ndarray) -> Instants:
    """The first instant of every hour in which something happened, with the events of the whole hour.

    Args:
        times: int64 [N] ascending, microseconds since 1970.
    """
    is_first = np.append(True, times[1:] // HOUR != times[:-1] // HOUR)[: len(times)]
    starts = np.flatnonzero(is_first)
    return times[starts], np.diff(np.append(starts, len(times)))


def merged(parts: Iterable[Instants]) -> Instants:
    """Hours of several parts, as `by_hour` gives them, to the hours of all."""
    nothing = np.zeros(0, np.int64)
    parts = [(nothing, nothing), *parts]
    firsts = np.concatenate([firsts for firsts, _ in parts])
    order = np.argsort(firsts, kind="stable")
    firsts, counts = firsts[order], np.concatenate([counts for _, counts in parts])[order]
    starts = np.flatnonzero(np.append(True, firsts[1:] // HOUR != firsts[:-1] // HOUR)[: len(firsts)])
    return firsts[starts], np.add.reduceat(counts, starts) if len(starts) else nothing


def deciding_hours(hours: Instants, split: SplitConfig, events: EventsConfig) -> np.ndarray:
    """Hours, counted from 1970, of which every instant must be known for `find_boundaries` to be exact; int64.

    Those in which a boundary falls, and the first and the last two, where it may have to give way. Of all others the
    first instant will do.
    """
    firsts, counts = hours
    if len(firsts) == 0:
        return np.zeros(0, np.int64)
    before = np.cumsum(counts) - counts
    cuts = np.array([split.train, split.train + split.validation]) * counts.sum()
    fall = np.searchsorted(before, cuts, side="right") - 1
    chosen = {0, max(len(firsts) - 2, 0), len(firsts) - 1, *(int(place) for place in fall)}
    found = {int(firsts[place]) // HOUR for place in chosen}
    named = (split.validation_from, split.test_from)
    return np.array(sorted(found | {_instant(name, events) // HOUR for name in named if name is not None}), np.int64)


def exactly(hours: Instants, looked_into: Instants) -> Instants:
    """`hours`, those among them that were looked into replaced by their every instant."""
    known = np.unique(looked_into[0] // HOUR)
    kept = ~np.isin(hours[0] // HOUR, known)
    times = np.concatenate([hours[0][kept], looked_into[0]])
    order = np.argsort(times, kind="stable")
    return times[order], np.concatenate([hours[1][kept], looked_into[1]])[order]


def find_boundaries(times: np.ndarray, counts: np.ndarray, split: SplitConfig, events: EventsConfig) -> Boundaries:
    """Where the shares of `split` fall, or the instants that it names.

    All events of one instant fall on the same side: the boundary is the instant of the first event past the share.

    Args:
        times: int64 [M] ascending, the distinct instants of the log.
        counts: [M] how many events each has.
        split: the shares or instants.
        events: in whose unit the instants are.

    Raises:
        TableError: where a split would be empty.
    """
    if len(times) == 0:
        raise TableError("the log has no usable event")
    if split.validation_from is not None and split.test_from is not None:
        found = Boundaries(_instant(split.validation_from, events), _instant(split.test_from, events))
    else:
        before = np.cumsum(counts) - counts
        total = counts.sum()
        cuts = (split.train * total, (split.train + split.validation) * total)
        # An instant belongs to the earlier split while fewer than its share of events come before it.
        validation, test = (int(np.searchsorted(before, cut - 1e-9, side="left")) for cut in cuts)
        # However uneven the instants are, three of them are enough for three splits.
        last = len(times) - 1
        validation = min(max(validation, 1), max(last - 1, 0))
        found = Boundaries(int(times[validation]), int(times[min(max(test, validation + 1), last)]))
    sizes = np.bincount(found.split_of(times), weights=counts, minlength=3)
    if (sizes == 0).any():
        shown = ", ".join(f"{name} {int(size):,}" for name, size in zip(SPLITS, sizes, strict=True))
        raise TableError(f"`split` should leave events in each of train, validation and test, received {shown}")
    return found


def _instant(value: float | str, events: EventsConfig) -> int:
    if isinstance(value, str):
        try:
            return int(pl.Series([value]).str.to_datetime(time_unit="us", time_zone="UTC").dt.timestamp("us")[0])
        except pl.exceptions.PolarsError:
            raise TableError(f"`split` should name instants such as 2024-03-01T00:00:00Z, received {value!r}") from None
    if events.timestamp_unit == "ns":
        return int(value) // 1000
    return round(value * MICROSECONDS.get(events.timestamp_unit, 1_000_000))
