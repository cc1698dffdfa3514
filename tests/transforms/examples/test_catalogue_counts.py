"""Items of the training window and their counts, computed from events."""

from __future__ import annotations

from interestflow.transforms.examples.catalogue_counts import count_catalogue
from interestflow.transforms.splits import Boundaries
from tests.transforms.small_log import SECOND, events


def test_only_events_before_validation_count_and_items_ascend() -> None:
    log = events([("u", "b", 1, 1), ("u", "a", 2, 1), ("v", "b", 3, 0), ("u", "c", 4, 1), ("u", "b", 5, 1)])
    catalogue = count_catalogue(log, Boundaries(4 * SECOND, 5 * SECOND))
    assert catalogue.items.to_list() == ["a", "b"]
    assert catalogue.counts.tolist() == [1, 2]
