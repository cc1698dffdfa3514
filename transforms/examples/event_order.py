"""The order of the events of a shard, and the rows that repeat an earlier one."""

from __future__ import annotations

import polars as pl

from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.reading.columns import ORDER


def sort_events(blocks: list[pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Join the blocks of one shard and sort its events.

    Args:
        blocks: frames of events, as `read_events` returns them.

    Returns:
        The events ordered by user, then time, then as they were written; and, left out of the first, those that repeat
        an earlier row in every column that is used.
    """
    events = pl.concat(blocks, how="vertical_relaxed").sort(USER, TIMESTAMP, ORDER)
    is_suspect = events.select(pl.struct(USER, TIMESTAMP, ITEM).is_duplicated()).to_series()
    if not is_suspect.any():
        return events, events.clear()
    content = [name for name in events.columns if name != ORDER]
    suspects = events.filter(is_suspect)
    repeated = suspects.filter(~suspects.select(pl.struct(content).is_first_distinct()).to_series())
    return events.join(repeated.select(ORDER), on=ORDER, how="anti", maintain_order="left"), repeated
