"""Items that are excluded from a ranking, for one shard worked out by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import tensorflow as tf

from interestflow.pipeline.evaluation.candidates import Candidates
from interestflow.pipeline.evaluation.seen_items import QueryHistories, SeenItems

CANDIDATES = Candidates(pl.Series([b"a", b"b", b"c", b"d"], dtype=pl.Binary), np.zeros((4, 1), np.float32), None)


def example(history: list[bytes]) -> bytes:
    proto = tf.train.Example()
    proto.features.feature["history_item"].bytes_list.value.extend(history)
    return proto.SerializeToString()


def test_histories_are_flattened_and_renumbered_when_some_are_selected() -> None:
    histories = QueryHistories.parse(np.array([example([b"a", b"b"]), example([]), example([b"c"])], object))
    assert histories.rows.tolist() == [0, 0, 2]
    assert histories.items.tolist() == [b"a", b"b", b"c"]
    selected = histories.select(np.array([1, 2]), 3)
    assert selected.rows.tolist() == [1]
    assert selected.items.tolist() == [b"c"]


def test_what_a_user_interacted_with_strictly_earlier_or_has_in_the_history_is_masked() -> None:
    """User 0: a at 1, b and c at 2; user 1: d at 1, an item that is no candidate at 2, a at 3."""
    interactions = pl.DataFrame(
        {"user_index": [0, 0, 0, 1, 1, 1], "timestamp": [1, 2, 2, 1, 2, 3], "column": [0, 1, 2, 3, -1, 0]}
    )
    queries = interactions[[1, 2, 5]]
    histories = QueryHistories(np.array([1]), np.array([b"d"], object))
    seen_items = SeenItems.build(interactions, queries, histories, CANDIDATES)
    scores = np.ones((3, 4))
    seen_items.mask(scores, 0)
    assert np.isinf(scores).tolist() == [
        [True, False, False, False],  # a, at 1; c at the same instant is not earlier
        [True, False, False, True],  # and d, of the history
        [False, False, False, True],
    ]
    last = np.ones((1, 4))
    seen_items.mask(last, 2)
    assert np.isinf(last).tolist() == [[False, False, False, True]]
