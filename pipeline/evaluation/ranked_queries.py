"""What users took in the test window, asked for one by one: all items ranked, and where the taken one stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import polars as pl
import tensorflow as tf

from interestflow.pipeline.evaluation.candidates import BATCH, Candidates, candidates_of, vectors
from interestflow.pipeline.evaluation.exported_model import examples_in
from interestflow.pipeline.evaluation.slices import Slice
from interestflow.pipeline.metrics.retrieval import CUTOFFS, ranks_of_targets, top_lists
from interestflow.transforms import feature_names

SCORES = 2**24
"""Scores held at once, of all interests of some queries for all items: 64 MB."""
HEAD_SHARE = 0.2
"""Of the catalogue, the most frequent items: the head, of which most is known. All others are the tail."""
HEAD, TAIL, UNLISTED = "head", "tail", "unlisted"
TIME_BITS = 40
Pairs = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class RankedQueries:
    """Some queries; R of them, over N candidates.

    users: number of each query's user, `[R]`.
    ranks: how many candidates stand before each target, `[R]`.
    lists: columns of each query's best candidates, int32 `[R, L]`; -1 where there are fewer.
    repeated: how many more positives had been taken before by the same user, and are no queries.
    slices: by slice, rows and the value of each, as `Slice.pairs` gives them.
    """

    users: np.ndarray
    ranks: np.ndarray
    lists: np.ndarray
    repeated: int
    slices: dict[str, Pairs]

    @classmethod
    def joined(cls, parts: Sequence[RankedQueries]) -> RankedQueries:
        """All queries of several parts, which have no user in common."""
        users = np.cumsum([0, *(int(part.users.max(initial=-1)) + 1 for part in parts)])
        rows = np.cumsum([0, *(len(part.users) for part in parts)])
        slices: dict[str, Pairs] = {}
        for name in parts[0].slices if parts else ():
            own = [part.slices[name] for part in parts]
            slices[name] = (
                np.concatenate([row + start for (row, _), start in zip(own, rows, strict=False)]),
                np.concatenate([values for _, values in own]),
            )
        return cls(
            np.concatenate([part.users + start for part, start in zip(parts, users, strict=False)]),
            np.concatenate([part.ranks for part in parts]),
            np.concatenate([part.lists for part in parts]),
            sum(part.repeated for part in parts),
            slices,
        )


@dataclass(frozen=True)
class QueryRanker:
    """Ranks all items for the queries of a shard of users, with the exported matcher in `folder` and by popularity.

    Each positive of the test window is a query: what its user's history was then is asked with, and its item is to be
    found. What the user took earlier, in the training window too, is not ranked; a positive of such an item is no
    query.

    folder: of the model.
    candidate_files: of the split of items.
    task: whose positive label says that an item was taken; `has_mask` where only some examples have one.
    slices: of the queries.
    kind: raw feature of items in which lists should be diverse, or None.
    """

    folder: str
    candidate_files: tuple[str, ...]
    task: str
    has_mask: bool
    slices: tuple[Slice, ...]
    kind: str | None

    def candidates(self) -> Candidates:
        """Raises EvaluationError where there are none or the model cannot encode them."""
        return candidates_of(self.folder, self.candidate_files, self.kind)

    def counts(self, files: Sequence[str]) -> np.ndarray:
        """In how many positives of the training split among `files` each candidate is the target, int64 `[N]`."""
        candidates = self.candidates()
        frames = [self._positives(file) for file in files if "Split-train" in file]
        columns = candidates.columns(pl.concat([self._nothing, *frames]).get_column("item"))
        return np.bincount(columns[columns >= 0], minlength=len(candidates.ids))

    def rank(self, earlier: Sequence[str], test: str, counts: np.ndarray) -> tuple[RankedQueries, RankedQueries]:
        """The queries of one shard, ranked by the model and by popularity.

        Args:
            earlier: files of examples before the test window.
            test: file of test examples.
            counts: training positives of each candidate, over all shards.

        Raises:
            EvaluationError: where the model cannot be asked.
        """
        candidates = self.candidates()
        before = [self._positives(file).with_columns(pl.lit(-1, pl.Int64).alias("row")) for file in earlier]
        taken = pl.concat([self._nothing, *before, self._positives(test)])
        taken = taken.with_columns(
            pl.col("user").rank("dense").cast(pl.Int64).alias("number") - 1,
            pl.Series("column", candidates.columns(taken.get_column("item")), dtype=pl.Int64),
            pl.col("timestamp").min().over("user", "item").alias("first"),
        ).sort("number", "timestamp", "row", maintain_order=True)
        tested = taken.filter(pl.col("row") >= 0)
        asked = self._serialized(test, tested.get_column("row").to_numpy())
        history = _history(asked)
        target = tested.get_column("item").to_numpy()
        in_history = np.zeros(len(asked), bool)
        in_history[history.rows[history.items == target[history.rows]]] = True
        is_query = (tested.get_column("first") == tested.get_column("timestamp")).to_numpy() & ~in_history
        queries, asked = tested.filter(pl.Series(is_query)), asked[is_query]
        seen = _Seen.of(taken, queries, history.of(np.flatnonzero(is_query), len(is_query)), candidates)
        columns = queries.get_column("column").to_numpy()
        users = queries.get_column("number").to_numpy()
        slices = self._slices(asked, columns, counts)
        repeated = len(is_query) - len(queries)
        found = []
        for scores in (self._by_model(candidates), _by_popularity(counts)):
            ranks, lists = _ranked(scores, asked, columns, seen, len(candidates.ids))
            found.append(RankedQueries(users, ranks, lists, repeated, slices))
        return found[0], found[1]

    def _by_model(self, candidates: Candidates) -> Callable[[np.ndarray], np.ndarray]:
        def scores(asked: np.ndarray) -> np.ndarray:
            users = vectors(self.folder, asked, "user")
            return np.stack([users[:, k] @ candidates.vectors.T for k in range(users.shape[1])]).max(axis=0)

        return scores

    def _slices(self, asked: np.ndarray, columns: np.ndarray, counts: np.ndarray) -> dict[str, Pairs]:
        spec = {part.feature: part.parsing for part in self.slices}
        parsed = tf.io.parse_example(tf.constant(asked, tf.string, shape=[len(asked)]), spec) if spec else {}
        found = {part.name: part.pairs(parsed[part.feature]) for part in self.slices}
        names = np.array([HEAD, TAIL, UNLISTED], object)
        of_target = np.where(columns < 0, 2, (~is_head(counts))[np.maximum(columns, 0)].astype(np.int64))
        return found | {"popularity": (np.arange(len(asked)), names[of_target])}

    @property
    def _nothing(self) -> pl.DataFrame:
        schema = {"row": pl.Int64, "user": pl.Binary, "item": pl.Binary, "timestamp": pl.Int64}
        return pl.DataFrame(schema=schema)

    def _positives(self, file: str) -> pl.DataFrame:
        """The positives of `file`: their `row` in it, `user`, `item` and `timestamp`."""
        number = tf.io.FixedLenFeature([], tf.float32)
        text, whole = tf.io.FixedLenFeature([], tf.string), tf.io.FixedLenFeature([], tf.int64)
        spec = {feature_names.USER: text, feature_names.ITEM: text, feature_names.TIMESTAMP: whole}
        spec[feature_names.label(self.task)] = number
        if self.has_mask:
            spec[feature_names.mask(self.task)] = number
        frames, start = [self._nothing], 0
        for batch in examples_in([file]).batch(BATCH):
            parsed = {name: tensor.numpy() for name, tensor in tf.io.parse_example(batch, spec).items()}
            positive = parsed[feature_names.label(self.task)] > 0.5
            if self.has_mask:
                positive &= parsed[feature_names.mask(self.task)] > 0.5
            frames.append(
                pl.DataFrame(
                    {
                        "row": np.arange(start, start + len(positive))[positive],
                        "user": pl.Series(parsed[feature_names.USER][positive].tolist(), dtype=pl.Binary),
                        "item": pl.Series(parsed[feature_names.ITEM][positive].tolist(), dtype=pl.Binary),
                        "timestamp": parsed[feature_names.TIMESTAMP][positive],
                    }
                )
            )
            start += len(positive)
        return pl.concat(frames)

    def _serialized(self, file: str, rows: np.ndarray) -> np.ndarray:
        """The examples of `file` at these rows, as they lie there."""
        records = [batch.numpy() for batch in examples_in([file]).batch(BATCH)]
        return np.concatenate([np.zeros(0, object), *records])[rows]


class CountShards(beam.DoFn):
    """`(earlier files, test file or None)` of a shard to how often each candidate is a target of training."""

    def __init__(self, ranker: QueryRanker) -> None:
        self._ranker = ranker

    def process(self, element: tuple[Sequence[str], str | None]) -> Iterator[np.ndarray]:
        yield self._ranker.counts(element[0])


class RankShards(beam.DoFn):
    """`(earlier files, test file or None)` of a shard to `RankedQueries` of the model and of popularity."""

    def __init__(self, ranker: QueryRanker) -> None:
        self._ranker = ranker

    def process(
        self, element: tuple[Sequence[str], str | None], counts: np.ndarray
    ) -> Iterator[tuple[RankedQueries, RankedQueries]]:
        earlier, test = element
        if test is not None:
            yield self._ranker.rank(earlier, test, counts)


def is_head(counts: np.ndarray) -> np.ndarray:
    """bool `[N]`: whether an item is among the most frequent `HEAD_SHARE` of all; of those equal, the first."""
    head = np.zeros(len(counts), bool)
    head[np.argsort(-counts, kind="stable")[: round(HEAD_SHARE * len(counts))]] = True
    return head


@dataclass(frozen=True)
class _History:
    """`items` of the histories of examples, UTF-8 `[P]`, and the `rows` of the examples, rising, `[P]`."""

    rows: np.ndarray
    items: np.ndarray

    def of(self, kept: np.ndarray, count: int) -> _History:
        """Of the kept examples of `count` alone, which are numbered anew."""
        number = np.full(count, -1, np.int64)
        number[kept] = np.arange(len(kept))
        rows = number[self.rows]
        return _History(rows[rows >= 0], self.items[rows >= 0])


def _history(asked: np.ndarray) -> _History:
    spec = {feature_names.HISTORY_ITEM: tf.io.VarLenFeature(tf.string)}
    parsed = tf.io.parse_example(tf.constant(asked, tf.string, shape=[len(asked)]), spec)[feature_names.HISTORY_ITEM]
    return _History(parsed.indices.numpy()[:, 0], parsed.values.numpy().astype(object))


@dataclass(frozen=True)
class _Seen:
    """Columns of what a query's user took before: for query i, `columns[start[i]:stop[i]]`, and those of its history.

    -1 is the column of what is no candidate.
    """

    columns: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    history_rows: np.ndarray
    history_columns: np.ndarray

    @classmethod
    def of(cls, taken: pl.DataFrame, queries: pl.DataFrame, history: _History, candidates: Candidates) -> _Seen:
        """`taken` ordered by user and time."""
        instants = taken.get_column("timestamp").unique().sort().to_numpy()

        def keys(frame: pl.DataFrame, with_time: bool) -> np.ndarray:
            user = frame.get_column("number").to_numpy() << TIME_BITS
            return user + np.searchsorted(instants, frame.get_column("timestamp").to_numpy()) if with_time else user

        every = keys(taken, True)
        items = pl.Series(history.items.tolist(), dtype=pl.Binary)
        return cls(
            taken.get_column("column").to_numpy(),
            np.searchsorted(every, keys(queries, False)),
            np.searchsorted(every, keys(queries, True)),
            history.rows,
            candidates.columns(items),
        )

    def mask(self, scores: np.ndarray, start: int) -> None:
        """Sets scores `[C, N]` of the queries from `start` on to minus infinity where an item was seen."""
        first, last = self.start[start : start + len(scores)], self.stop[start : start + len(scores)]
        lengths = last - first
        place = np.arange(lengths.sum()) + np.repeat(first - (np.cumsum(lengths) - lengths), lengths)
        rows, columns = np.repeat(np.arange(len(scores)), lengths), self.columns[place]
        here = slice(*np.searchsorted(self.history_rows, [start, start + len(scores)]))
        rows = np.concatenate([rows, self.history_rows[here] - start])
        columns = np.concatenate([columns, self.history_columns[here]])
        scores[rows[columns >= 0], columns[columns >= 0]] = -np.inf


def _by_popularity(counts: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda asked: np.tile(counts.astype(np.float32), (len(asked), 1))


def _ranked(
    scores_of: Callable[[np.ndarray], np.ndarray], asked: np.ndarray, targets: np.ndarray, seen: _Seen, candidates: int
) -> tuple[np.ndarray, np.ndarray]:
    """Ranks of the targets and the lists of all queries, some queries at a time."""
    width = min(BATCH, max(1, SCORES // max(1, candidates)))
    ranks, lists = [np.zeros(0, np.int64)], [np.zeros((0, max(CUTOFFS)), np.int32)]
    for start in range(0, len(asked), width):
        scores = scores_of(asked[start : start + width])
        seen.mask(scores, start)
        ranks.append(ranks_of_targets(scores, targets[start : start + width]))
        lists.append(top_lists(scores, max(CUTOFFS)))
    return np.concatenate(ranks), np.concatenate(lists)
