"""Ranking of the whole catalogue for each positive of the test window, by an exported matcher and by popularity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import polars as pl
import tensorflow as tf

from interestflow.pipeline.evaluation.candidates import BATCH, Candidates, load_candidates, model_vectors
from interestflow.pipeline.evaluation.positives import no_positives, read_examples, read_positives
from interestflow.pipeline.evaluation.query_metrics import POPULARITY
from interestflow.pipeline.evaluation.ranked_queries import Pairs, RankedQueries
from interestflow.pipeline.evaluation.seen_items import QueryHistories, SeenItems
from interestflow.pipeline.evaluation.slices import Slice
from interestflow.pipeline.metrics.registry import CUTOFFS
from interestflow.pipeline.metrics.retrieval import ranks_of_targets, top_lists

MAX_SCORES = 2**24
"""Scores held at once, of all interests of some queries for all items: 64 MB."""
HEAD_SHARE = 0.2
"""Share of the catalogue that counts as the head: the most popular items. All others are the tail."""
HEAD, TAIL, UNLISTED = "head", "tail", "unlisted"
Scorer = Callable[[np.ndarray], np.ndarray]
"""Returns the scores `[C, N]` of all candidates for serialized examples `[C]`."""


@dataclass(frozen=True)
class QueryRanker:
    """Ranks all items for the queries of a shard of users, with an exported matcher and by popularity.

    Each positive of the test window is a query: the user's history as it was then is the input, and its item is the
    target. Items that the user interacted with earlier, also in the training window, are excluded; a positive of such
    an item is no query.

    Attributes:
        folder: Folder of the model.
        candidate_files: Files of the split of items.
        task: Task whose positive label tells interactions.
        has_mask: Whether the task has a mask, because only some examples have a label.
        slices: Slices of the queries.
        kind: Raw feature of items in which lists should be diverse, or None.
    """

    folder: str
    candidate_files: tuple[str, ...]
    task: str
    has_mask: bool
    slices: tuple[Slice, ...]
    kind: str | None

    def candidates(self) -> Candidates:
        """Return the candidates.

        Raises:
            EvaluationError: If there are none or the model cannot encode them.
        """
        return load_candidates(self.folder, self.candidate_files, self.kind)

    def counts(self, files: Sequence[str]) -> np.ndarray:
        """Return in how many training positives of `files` each candidate is the target, int64 `[N]`."""
        candidates = self.candidates()
        frames = [self._positives(file) for file in files if "Split-train" in file]
        columns = candidates.columns(pl.concat([no_positives(), *frames]).get_column("item"))
        return np.bincount(columns[columns >= 0], minlength=len(candidates.ids))

    def rank(self, earlier: Sequence[str], test: str, counts: np.ndarray) -> tuple[RankedQueries, RankedQueries]:
        """Return the queries of one shard, ranked by the model and by popularity.

        Args:
            earlier: Files of examples before the test window.
            test: File of test examples.
            counts: Training positives of each candidate, over all shards.

        Raises:
            EvaluationError: If the model cannot be queried.
        """
        candidates = self.candidates()
        interactions = self._interactions(earlier, test, candidates)
        tested = interactions.filter(pl.col("row") >= 0)
        examples = read_examples(test, tested.get_column("row").to_numpy())
        histories = QueryHistories.parse(examples)
        targets = tested.get_column("item").to_numpy()
        in_history = np.zeros(len(examples), bool)
        in_history[histories.rows[histories.items == targets[histories.rows]]] = True
        is_query = (tested.get_column("first") == tested.get_column("timestamp")).to_numpy() & ~in_history
        queries, examples = tested.filter(pl.Series(is_query)), examples[is_query]
        histories = histories.select(np.flatnonzero(is_query), len(is_query))
        seen_items = SeenItems.build(interactions, queries, histories, candidates)
        columns = queries.get_column("column").to_numpy()
        users = queries.get_column("user_index").to_numpy()
        slices = self._slices(examples, columns, counts)
        repeated = len(is_query) - len(queries)

        def ranked(scorer: Scorer) -> RankedQueries:
            ranks, lists = _rank_targets(scorer, examples, columns, seen_items, len(candidates.ids))
            return RankedQueries(users, ranks, lists, repeated, slices)

        return ranked(self._model_scorer(candidates)), ranked(_popularity_scorer(counts))

    def _interactions(self, earlier: Sequence[str], test: str, candidates: Candidates) -> pl.DataFrame:
        """Return all positives of a shard, ordered by user and time.

        Beside the columns of `read_positives`, with a `row` of -1 before the test window: `user_index`, the candidate's
        `column`, and `first`, when the user first interacted with the item.
        """
        before = [self._positives(file).with_columns(pl.lit(-1, pl.Int64).alias("row")) for file in earlier]
        positives = pl.concat([no_positives(), *before, self._positives(test)])
        return positives.with_columns(
            pl.col("user").rank("dense").cast(pl.Int64).alias("user_index") - 1,
            pl.Series("column", candidates.columns(positives.get_column("item")), dtype=pl.Int64),
            pl.col("timestamp").min().over("user", "item").alias("first"),
        ).sort("user_index", "timestamp", "row", maintain_order=True)

    def _positives(self, file: str) -> pl.DataFrame:
        return read_positives(file, self.task, self.has_mask)

    def _model_scorer(self, candidates: Candidates) -> Scorer:
        """Return a function that scores candidates by the largest product with any of the user's interests."""

        def scores(examples: np.ndarray) -> np.ndarray:
            users = model_vectors(self.folder, examples, "user")
            return np.stack([users[:, k] @ candidates.vectors.T for k in range(users.shape[1])]).max(axis=0)

        return scores

    def _slices(self, examples: np.ndarray, columns: np.ndarray, counts: np.ndarray) -> dict[str, Pairs]:
        """Return rows and values of the configured slices, and of the slice by the target's popularity."""
        spec = {part.feature: part.parsing for part in self.slices}
        serialized = tf.constant(examples, tf.string, shape=[len(examples)])
        parsed = tf.io.parse_example(serialized, spec) if spec else {}
        pairs = {part.name: part.pairs(parsed[part.feature]) for part in self.slices}
        names = np.array([HEAD, TAIL, UNLISTED], object)
        parts = np.where(columns < 0, 2, (~is_head(counts))[np.maximum(columns, 0)].astype(np.int64))
        return pairs | {POPULARITY: (np.arange(len(examples)), names[parts])}


class CountShards(beam.DoFn):
    """Maps `(earlier files, test file or None)` of a shard to the training positives of each candidate."""

    def __init__(self, ranker: QueryRanker) -> None:
        """Store the ranker."""
        self._ranker = ranker

    def process(self, element: tuple[Sequence[str], str | None]) -> Iterator[np.ndarray]:
        """Yield the counts of one shard."""
        yield self._ranker.counts(element[0])


class RankShards(beam.DoFn):
    """Maps `(earlier files, test file or None)` of a shard to `RankedQueries` of the model and of popularity."""

    def __init__(self, ranker: QueryRanker) -> None:
        """Store the ranker."""
        self._ranker = ranker

    def process(
        self, element: tuple[Sequence[str], str | None], counts: np.ndarray
    ) -> Iterator[tuple[RankedQueries, RankedQueries]]:
        """Yield the ranked queries of one shard; a shard without test examples has none."""
        earlier, test = element
        if test is not None:
            yield self._ranker.rank(earlier, test, counts)


def is_head(counts: np.ndarray) -> np.ndarray:
    """Return whether each item is among the `HEAD_SHARE` most popular, bool `[N]`; of equal items, the first are."""
    head = np.zeros(len(counts), bool)
    head[np.argsort(-counts, kind="stable")[: round(HEAD_SHARE * len(counts))]] = True
    return head


def _popularity_scorer(counts: np.ndarray) -> Scorer:
    """Return a function that scores candidates by their training positives."""
    return lambda examples: np.tile(counts.astype(np.float32), (len(examples), 1))


def _rank_targets(
    scorer: Scorer, examples: np.ndarray, targets: np.ndarray, seen_items: SeenItems, candidates: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the targets' ranks and the retrieved lists of all queries, computed for some queries at a time."""
    width = min(BATCH, max(1, MAX_SCORES // max(1, candidates)))
    ranks, lists = [np.zeros(0, np.int64)], [np.zeros((0, max(CUTOFFS)), np.int32)]
    for start in range(0, len(examples), width):
        scores = scorer(examples[start : start + width])
        seen_items.mask(scores, start)
        ranks.append(ranks_of_targets(scores, targets[start : start + width]))
        lists.append(top_lists(scores, max(CUTOFFS)))
    return np.concatenate(ranks), np.concatenate(lists)
