"""The configuration, the gate and the tables use the metrics that the registry declares."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

from interestflow.pipeline.metrics.registry import (
    FAMILIES,
    METRICS,
    RANKING,
    RETRIEVAL,
    RankingMetric,
    RetrievalMetric,
    is_better,
)


def test_the_configuration_knows_the_metrics_that_the_gate_can_bound() -> None:
    assert get_args(RankingMetric) == RANKING.bounded
    assert get_args(RetrievalMetric) == RETRIEVAL.bounded
    assert len(METRICS) == len(RANKING.specs) + len(RETRIEVAL.specs)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_defaults_are_metrics_of_the_family(family) -> None:
    names = {spec.name for spec in family.specs}
    assert {family.main, *family.stopping, *family.shown_in_training, *family.champion_margins} <= names
    assert family.main in family.slice_headings
    assert family.slice_headings.items() <= family.headings.items()
    assert set(family.shown_in_training) <= family.headings.keys()


def test_tables_show_these_headings_in_order() -> None:
    assert list(RANKING.headings.values()) == ["AUC", "GAUC", "log loss", "ECE", "calibration"]
    assert list(RETRIEVAL.headings.values()) == [
        "recall@10", "recall@50", "NDCG@10", "NDCG@50", "hit rate@50", "coverage@50", "diversity@10", "novelty@10",
    ]  # fmt: skip
    assert list(RANKING.slice_headings) == ["auc", "gauc", "log_loss", "ece"]
    assert list(RETRIEVAL.slice_headings) == ["recall_10", "recall_50", "ndcg_10", "ndcg_50"]


def test_margins_and_stopping_metrics_have_the_documented_defaults() -> None:
    assert RANKING.champion_margins == {"auc": 0.005}
    assert RETRIEVAL.champion_margins == {"recall_50": 0.01}
    assert (RANKING.stopping[0], RETRIEVAL.stopping[0]) == ("auc", "ndcg_50")


def test_lower_is_better_for_losses_alone() -> None:
    assert is_better("auc", 0.7, 0.6)
    assert not is_better("auc", 0.6, 0.6)
    assert is_better("log_loss", 0.6, 0.7)
    assert not is_better("ndcg_50", float("nan"), 0.1)
    assert {name for name, spec in METRICS.items() if spec.direction == "lower"} == {"log_loss", "ece"}


def test_it_imports_no_numerical_library() -> None:
    program = (
        "import sys, interestflow.pipeline.metrics.registry; "
        "print([name for name in ('numpy', 'tensorflow', 'keras') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"
