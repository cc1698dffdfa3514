"""Examples of one small shard, for the tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.examples.catalogue_counts import CatalogueCounts
from interestflow.transforms.examples.entities import Entities
from interestflow.transforms.examples.event_order import sort_events
from interestflow.transforms.examples.shard import ShardExamples
from interestflow.transforms.splits import Boundaries
from tests.transforms.small_log import decoded

NO_SPLIT = Boundaries(10**15, 10**15)


def shard_examples(
    rows: pl.DataFrame,
    config: IngestionConfig,
    boundaries: Boundaries = NO_SPLIT,
    items: pl.DataFrame | None = None,
    users: pl.DataFrame | None = None,
    catalogue: dict[str, int] | None = None,
) -> ShardExamples:
    """Return the examples of these events; the training window's items are counted from them unless given."""
    ordered, _ = sort_events([rows])
    if catalogue is None:
        training = ordered.filter(pl.col("timestamp") < boundaries.validation)
        catalogue = dict(training.group_by("item").len().iter_rows())
    counts = CatalogueCounts(
        pl.Series(sorted(catalogue), dtype=pl.String), np.array([catalogue[item] for item in sorted(catalogue)])
    )
    attributes = config.features.attributes
    tables = [
        Entities.from_frame(frame, tuple(a for a in attributes if a.source == name))
        for name, frame in (("items", items), ("users", users))
    ]
    return ShardExamples(ordered, config, *tables, boundaries, counts)


def examples_of(*arguments: Any, split: str = "train", size: int = 3, **named: Any) -> list[dict[str, Any]]:
    """Return the decoded examples, in batches of three, so that every test crosses their edges."""
    return decoded(list(shard_examples(*arguments, **named).batches(split, size)))
