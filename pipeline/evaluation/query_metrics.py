"""Metrics of ranked queries, overall and by slice."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from interestflow.pipeline.evaluation.ranked_queries import RankedQueries
from interestflow.pipeline.evaluation.result import RetrievalMetrics, SliceMetrics, TaskEvaluation
from interestflow.pipeline.evaluation.slices import Slice
from interestflow.pipeline.metrics.registry import CUTOFFS
from interestflow.pipeline.metrics.retrieval import (
    UNREACHABLE,
    coverage,
    diversity,
    hit_rate,
    ndcg,
    novelty,
    recall,
)

POPULARITY = "popularity"
"""Name of the slice by the target's popularity, and of the ranking by popularity."""


@dataclass(frozen=True)
class QueryMetrics:
    """Computes the metrics of ranked queries, overall and by slice.

    Attributes:
        slices: Slices as configured; the slice by the target's popularity comes last.
        target_slices: Names of the slices that partition queries by their target. The queries of such a part are
            selected by their targets, so list metrics say nothing about it and are left out.
        kinds: Integer code of each candidate in which lists should be diverse, `[N]`; None where there is none.
    """

    slices: Sequence[Slice]
    target_slices: frozenset[str]
    kinds: np.ndarray | None

    def evaluate(self, queries: RankedQueries, counts: np.ndarray) -> TaskEvaluation:
        """Return the metrics of all queries and of each slice.

        Args:
            queries: All queries.
            counts: Training positives of each candidate, `[N]`.
        """
        diversities: dict[int, np.ndarray] = {}
        if self.kinds is not None:
            diversities = {cutoff: diversity(queries.lists[:, :cutoff], self.kinds) for cutoff in CUTOFFS}
        all_rows = np.arange(len(queries.users))
        figures = dict(_target_figures(queries, all_rows)) | dict(_list_figures(queries, all_rows, counts, diversities))
        overall = _metrics(queries, all_rows, figures, queries.repeated)
        parts: list[SliceMetrics] = []
        for partition in (*self.slices, Slice(POPULARITY, "")):
            members = sorted(
                partition.parts(*queries.slices[partition.name]), key=lambda part: partition.sort_key(part[0])
            )
            for value, rows in members:
                figures = dict(_target_figures(queries, rows))
                if partition.name not in self.target_slices:
                    figures |= dict(_list_figures(queries, rows, counts, diversities))
                parts.append(
                    SliceMetrics(name=partition.name, value=value, metrics=_metrics(queries, rows, figures, 0))
                )
        return TaskEvaluation(overall=overall, slices=tuple(parts))


def _metrics(
    queries: RankedQueries, rows: np.ndarray, figures: Mapping[str, float | None], repeated: int
) -> RetrievalMetrics:
    return RetrievalMetrics(
        users=len(np.unique(queries.users[rows])),
        examples=len(rows),
        unreachable=int(np.count_nonzero(queries.ranks[rows] == UNREACHABLE)),
        repeated=repeated,
        figures=dict(figures),
    )


def _target_figures(queries: RankedQueries, rows: np.ndarray) -> Iterator[tuple[str, float | None]]:
    """Yield the metrics of the targets' ranks."""
    users, ranks = queries.users[rows], queries.ranks[rows]
    for cutoff in CUTOFFS:
        yield f"recall_{cutoff}", _defined(recall(users, ranks, cutoff))
        yield f"ndcg_{cutoff}", _defined(ndcg(users, ranks, cutoff))
        yield f"hit_rate_{cutoff}", _defined(hit_rate(users, ranks, cutoff))


def _list_figures(
    queries: RankedQueries, rows: np.ndarray, counts: np.ndarray, diversities: Mapping[int, np.ndarray]
) -> Iterator[tuple[str, float | None]]:
    """Yield the metrics of the retrieved lists."""
    lists = queries.lists[rows]
    for cutoff in CUTOFFS:
        yield f"coverage_{cutoff}", _defined(coverage(lists[:, :cutoff], len(counts)))
        yield f"novelty_{cutoff}", _defined(novelty(lists[:, :cutoff], counts))
        if cutoff in diversities:
            values = diversities[cutoff][rows]
            values = values[~np.isnan(values)]
            yield f"diversity_{cutoff}", float(values.mean()) if len(values) else None


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
