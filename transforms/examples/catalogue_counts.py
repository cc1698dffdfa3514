"""Items of the training window and how often each occurs there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from interestflow.transforms.feature_names import ITEM, TIMESTAMP
from interestflow.transforms.splits import Boundaries


@dataclass(frozen=True)
class CatalogueCounts:
    """The catalogue of the training window.

    Attributes:
        items: distinct item ids, ascending.
        counts: [M], the number of training events of each.
        all_items: number of distinct items of the whole log.
    """

    items: pl.Series
    counts: np.ndarray
    all_items: int = 0


def count_catalogue(events: pl.DataFrame, boundaries: Boundaries) -> CatalogueCounts:
    """Count the items of the events before validation begins; `events` holds all of these events."""
    training = events.filter(pl.col(TIMESTAMP) < boundaries.validation).group_by(ITEM).len().sort(ITEM)
    counts = training.get_column("len").to_numpy()
    return CatalogueCounts(training.get_column(ITEM), counts, events.get_column(ITEM).n_unique())
