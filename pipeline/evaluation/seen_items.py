"""Items that a query's user had interacted with before; they are excluded from its ranking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import tensorflow as tf

from interestflow.pipeline.evaluation.candidates import Candidates
from interestflow.transforms import feature_names

TIME_BITS = 40
"""Bits of a sort key that hold the instant; the user is above them."""


@dataclass(frozen=True)
class QueryHistories:
    """Histories of several examples, flattened.

    Attributes:
        rows: Row of the example that each behaviour belongs to, ascending, `[P]`.
        items: Item of each behaviour, UTF-8, `[P]`.
    """

    rows: np.ndarray
    items: np.ndarray

    @classmethod
    def parse(cls, examples: np.ndarray) -> QueryHistories:
        """Return the histories of serialized examples."""
        spec = {feature_names.HISTORY_ITEM: tf.io.VarLenFeature(tf.string)}
        serialized = tf.constant(examples, tf.string, shape=[len(examples)])
        history = tf.io.parse_example(serialized, spec)[feature_names.HISTORY_ITEM]
        return cls(history.indices.numpy()[:, 0], history.values.numpy().astype(object))

    def select(self, selected: np.ndarray, count: int) -> QueryHistories:
        """Return the histories of the `selected` rows of `count` examples, renumbered from 0."""
        new_rows = np.full(count, -1, np.int64)
        new_rows[selected] = np.arange(len(selected))
        rows = new_rows[self.rows]
        return QueryHistories(rows[rows >= 0], self.items[rows >= 0])


@dataclass(frozen=True)
class SeenItems:
    """Candidates that the user of each query had interacted with before it.

    Attributes:
        columns: Columns of all interactions of a shard, ordered by user and time; -1 for an item that is no candidate.
        start: First of query i's earlier interactions in `columns`, `[R]`.
        stop: End of query i's earlier interactions in `columns`, `[R]`.
        history_rows: Query that each behaviour of the histories belongs to, ascending, `[P]`.
        history_columns: Column of each behaviour's item, `[P]`.
    """

    columns: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    history_rows: np.ndarray
    history_columns: np.ndarray

    @classmethod
    def build(
        cls, interactions: pl.DataFrame, queries: pl.DataFrame, histories: QueryHistories, candidates: Candidates
    ) -> SeenItems:
        """Return the seen items of `queries`.

        Args:
            interactions: All positives of the shard, ordered by `user_index` and `timestamp`.
            queries: The positives that are queries.
            histories: Histories of the queries.
            candidates: Candidates that are ranked.
        """
        instants = interactions.get_column("timestamp").unique().sort().to_numpy()

        def sort_keys(frame: pl.DataFrame, with_time: bool) -> np.ndarray:
            user = frame.get_column("user_index").to_numpy() << TIME_BITS
            return user + np.searchsorted(instants, frame.get_column("timestamp").to_numpy()) if with_time else user

        keys = sort_keys(interactions, True)
        items = pl.Series(histories.items.tolist(), dtype=pl.Binary)
        return cls(
            interactions.get_column("column").to_numpy(),
            np.searchsorted(keys, sort_keys(queries, False)),
            np.searchsorted(keys, sort_keys(queries, True)),
            histories.rows,
            candidates.columns(items),
        )

    def mask(self, scores: np.ndarray, start: int) -> None:
        """Set the scores of seen items to minus infinity, in place.

        Args:
            scores: Scores of the queries from `start` on, `[C, N]`.
            start: Index of the first of these queries.
        """
        first, last = self.start[start : start + len(scores)], self.stop[start : start + len(scores)]
        lengths = last - first
        positions = np.arange(lengths.sum()) + np.repeat(first - (np.cumsum(lengths) - lengths), lengths)
        rows, columns = np.repeat(np.arange(len(scores)), lengths), self.columns[positions]
        behaviours = slice(*np.searchsorted(self.history_rows, [start, start + len(scores)]))
        rows = np.concatenate([rows, self.history_rows[behaviours] - start])
        columns = np.concatenate([columns, self.history_columns[behaviours]])
        scores[rows[columns >= 0], columns[columns >= 0]] = -np.inf
