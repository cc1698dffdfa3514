"""Cuts the log into training, validation and test by global time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from transforms.config import EventsConfig, SplitConfig
from transforms.files import TableError
from transforms.timestamps import MICROSECONDS

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Boundaries:
    """Validation begins at `validation`, test at `test`: microseconds since 1970, both inclusive."""

    validation: int
    test: int

    def split_of(self, time: np.ndarray) -> np.ndarray:
        """int8 [N]: the position in `SPLITS` of events at these times."""
        return ((time >= self.validation).astype(np.int8) + (time >= self.test)).astype(np.int8)


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
