"""Metrics of four ranked queries, computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from interestflow.pipeline.evaluation.query_metrics import QueryMetrics
from interestflow.pipeline.evaluation.ranked_queries import RankedQueries
from interestflow.pipeline.evaluation.result import RetrievalMetrics
from interestflow.pipeline.evaluation.slices import Slice
from interestflow.pipeline.metrics.retrieval import UNREACHABLE

COUNTS = np.array([3, 1, 0])
"""Training positives of three candidates; smoothed shares 4/7, 2/7 and 1/7."""
QUERIES = RankedQueries(
    users=np.array([0, 0, 1, 1]),
    ranks=np.array([0, 15, UNREACHABLE, 1]),
    lists=np.array([[0, 1], [0, -1], [2, -1], [0, 1]], np.int32),
    repeated=2,
    slices={
        "device": (np.arange(4), np.array(["phone", "phone", "tablet", "phone"], object)),
        "popularity": (np.arange(4), np.array(["head", "tail", "unlisted", "head"], object)),
    },
)


@pytest.fixture(scope="module")
def metrics() -> dict[str, RetrievalMetrics]:
    computation = QueryMetrics([Slice("device", "device")], frozenset({"popularity"}), np.array([5, 5, 6]))
    task = computation.evaluate(QUERIES, COUNTS)
    return {"": task.overall} | {f"{part.name} {part.value}": part.metrics for part in task.slices}


def test_counts_are_of_users_queries_and_targets(metrics: dict[str, RetrievalMetrics]) -> None:
    overall = metrics[""]
    assert (overall.users, overall.examples, overall.unreachable, overall.repeated) == (2, 4, 1, 2)
    assert (metrics["device phone"].users, metrics["device phone"].examples) == (2, 3)
    assert metrics["device phone"].repeated == 0


def test_target_metrics_are_means_over_users(metrics: dict[str, RetrievalMetrics]) -> None:
    overall = metrics[""]
    assert overall.value("recall_10") == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert overall.value("recall_20") == pytest.approx((2 / 2 + 1 / 2) / 2)
    assert overall.value("ndcg_10") == pytest.approx((1 / 2 + 1 / math.log2(3) / 2) / 2)
    assert overall.value("hit_rate_10") == 1.0
    assert metrics["device tablet"].value("recall_50") == 0.0


def test_list_metrics_are_of_the_lists(metrics: dict[str, RetrievalMetrics]) -> None:
    overall = metrics[""]
    assert overall.value("coverage_10") == 1.0
    bits = [-math.log2(4 / 7)] * 3 + [-math.log2(2 / 7)] * 2 + [-math.log2(1 / 7)]
    assert overall.value("novelty_10") == pytest.approx(np.mean(bits))
    assert overall.value("diversity_10") == 0.0  # both items of a list are of one kind; lists of one item do not count
    assert metrics["device tablet"].value("coverage_10") == pytest.approx(1 / 3)
    assert metrics["device tablet"].value("diversity_10") is None


def test_slices_of_targets_have_no_list_metrics_and_popularity_comes_last(metrics: dict[str, RetrievalMetrics]) -> None:
    assert list(metrics) == [
        "", "device phone", "device tablet", "popularity head", "popularity tail", "popularity unlisted",
    ]  # fmt: skip
    assert "coverage_10" not in metrics["popularity head"].figures
    assert metrics["popularity head"].value("recall_10") == 1.0
    assert "coverage_10" in metrics["device phone"].figures


def test_without_kinds_diversity_is_undefined() -> None:
    task = QueryMetrics([], frozenset(), None).evaluate(QUERIES, COUNTS)
    assert task.overall.value("diversity_10") is None
    assert "diversity_10" not in task.overall.figures
