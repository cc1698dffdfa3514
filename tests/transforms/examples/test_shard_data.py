"""Events of a shard become arrays by event, computed by hand."""

from __future__ import annotations

import numpy as np
import polars as pl

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.examples.catalogue_counts import CatalogueCounts
from interestflow.transforms.examples.entities import Entities
from interestflow.transforms.examples.shard_data import ShardData, build_shard_data
from interestflow.transforms.splits import Boundaries
from tests.transforms.small_log import SECOND, configuration, events

EVENTS_WITH_TRUTH = {
    "path": "events.csv", "format": "csv", "user": "user", "item": "item", "timestamp": "time",
    "true_probability": "truth",
}  # fmt: skip
LOG = [("u", "a", 1, 1, 0.5), ("u", "z", 2, 0, None), ("v", "b", 5, 1, 0.25), ("w", "a", 9, 1, 1.0)]


def shard_data(config: IngestionConfig) -> ShardData:
    """Return the data of four events; z is in no training window, c in no event, and only b has a row in the table."""
    items = Entities.from_frame(pl.DataFrame({"id": ["b"]}), ())
    catalogue = CatalogueCounts(pl.Series(["a", "b", "c"]), np.array([2, 1, 1]))
    boundaries = Boundaries(5 * SECOND, 9 * SECOND)
    log = events(LOG, "truth")
    return build_shard_data(log, config, items, Entities.from_frame(None, ()), boundaries, catalogue)


def test_indices_of_users_items_and_table_rows() -> None:
    shard = shard_data(configuration())
    assert shard.user.tolist() == [0, 0, 1, 2]
    assert shard.split.tolist() == [0, 0, 1, 2]
    assert shard.item.tolist() == [0, 3, 1, 0]
    assert shard.own_item.tolist() == [0, -1, 1, 0]
    # The rows of the four events, then of the three items of the catalogue; 1 is the row of a missing item.
    assert shard.item_row.tolist() == [1, 1, 0, 1, 1, 0, 1]
    assert shard.user_row.tolist() == [0, 0, 0, 0]
    assert shard.is_new_user.tolist() == [False, True, True]


def test_labels_are_zero_where_masked_and_behaviours_are_selected() -> None:
    tasks = [{"name": "late", "label": {"column": "click"}, "mask": {"column": "truth", "at_least": 0.5}}]
    shard = shard_data(configuration(tasks=tasks, sequence={"behaviours": {"column": "click"}}))
    assert shard.masks["late"].tolist() == [1.0, 0.0, 0.0, 1.0]
    assert shard.labels["late"].tolist() == [1.0, 0.0, 0.0, 1.0]
    assert shard.histories.behaviours.tolist() == [0, 2, 3]
    assert shard.histories.count.tolist() == [0, 1, 0, 0]


def test_true_probabilities_are_nan_where_absent() -> None:
    truth = shard_data(configuration(data__events=EVENTS_WITH_TRUTH)).true_probabilities()
    np.testing.assert_array_equal(truth, np.float32([0.5, np.nan, 0.25, 1.0]))
    assert shard_data(configuration()).true_probabilities() is None


def test_the_key_of_an_event_depends_on_user_item_and_time_alone() -> None:
    keys = shard_data(configuration()).event_keys(np.arange(4))
    assert len(set(keys.tolist())) == 4
    other = shard_data(configuration(sequence={"max_length": 2})).event_keys(np.array([2, 0]))
    np.testing.assert_array_equal(other, keys[[2, 0]])
