"""Examples of one small shard, for the tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from interestflow.transforms.config import ENTITY_TABLES, IngestionConfig
from interestflow.transforms.examples.catalogue_counts import CatalogueCounts, count_catalogue
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
        counts = count_catalogue(ordered, boundaries)
    else:
        names = sorted(catalogue)
        counts = CatalogueCounts(pl.Series(names, dtype=pl.String), np.array([catalogue[name] for name in names]))
    tables = [
        Entities.from_frame(frame, config.features.attributes_of(name))
        for name, frame in zip(ENTITY_TABLES, (items, users), strict=True)
    ]
    return ShardExamples(ordered, config, *tables, boundaries, counts)


def examples_of(*arguments: Any, split: str = "train", size: int = 3, **named: Any) -> list[dict[str, Any]]:
    """Return the decoded examples, in batches of three, so that every test crosses their edges."""
    return decoded(list(shard_examples(*arguments, **named).batches(split, size)))
