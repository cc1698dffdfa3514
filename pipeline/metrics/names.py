"""Names of the metrics that a configuration may bound, and by which training may stop. Imports nothing."""

from __future__ import annotations

from typing import Literal, get_args

RankerMetric = Literal["auc", "gauc", "log_loss", "ece"]
RetrievalMetric = Literal[
    "recall_10", "recall_20", "recall_50",
    "ndcg_10", "ndcg_20", "ndcg_50",
    "hit_rate_10", "hit_rate_20", "hit_rate_50",
    "coverage_10", "coverage_20", "coverage_50",
    "diversity_10", "diversity_20", "diversity_50",
    "novelty_10", "novelty_20", "novelty_50",
]  # fmt: skip
Metric = Literal[RankerMetric, RetrievalMetric]
RANKER_METRICS: tuple[str, ...] = get_args(RankerMetric)
RETRIEVAL_METRICS: tuple[str, ...] = get_args(RetrievalMetric)
STOPPING_METRICS = {False: ("auc", "log_loss"), True: ("ndcg_50", "recall_50")}
"""Metrics for early stopping, by whether the model is a matcher; the first is the default."""
