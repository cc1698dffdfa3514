"""Results of evaluations: descriptions of their metrics, and their file format."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from interestflow.pipeline.evaluation.result import (
    Evaluation,
    ModelEvaluation,
    RankingMetrics,
    RetrievalMetrics,
    SliceMetrics,
    TaskEvaluation,
)

RANKING = RankingMetrics(
    examples=100, positives=10, unlabelled=5, auc=0.65, gauc=0.6, gauc_users=30, gauc_dropped_users=10,
    log_loss=0.3, ece=0.01, calibration=1.1, best_possible_auc=0.7, best_possible_log_loss=0.25,
)  # fmt: skip
RETRIEVAL = RetrievalMetrics(users=4, examples=9, unreachable=1, repeated=2, figures={"recall_50": 0.5})


def test_headroom_share_is_the_way_from_chance_to_the_best_possible() -> None:
    assert RANKING.headroom_share == pytest.approx(0.75)
    for undefined in ({"auc": None}, {"best_possible_auc": None}, {"best_possible_auc": 0.5}):
        assert RANKING.model_copy(update=undefined).headroom_share is None
    assert RETRIEVAL.headroom_share is None


def test_the_best_possible_is_known_with_true_probabilities_alone() -> None:
    assert RANKING.best_possible() == {"auc": 0.7, "log_loss": 0.25}
    assert RANKING.model_copy(update={"best_possible_auc": None}).best_possible() == {}
    assert RETRIEVAL.best_possible() == {}


def test_notes_name_what_no_metric_counts() -> None:
    assert list(RANKING.notes("click")) == [
        "GAUC of click is of 30 of 40 users; 10 have one label only and are left out",
        "5 test examples have no label for click",
    ]
    assert len(list(RANKING.model_copy(update={"unlabelled": 0}).notes("click"))) == 1
    assert list(RETRIEVAL.notes("click")) == [
        "4 users have 9 positives of click in the test window, each a query of its own",
        "1 of them are not in the catalogue and cannot be retrieved",
        "2 further positives repeat an earlier one of the same user and are no queries",
    ]


def test_metrics_are_asked_for_by_name() -> None:
    assert RANKING.value("ece") == 0.01
    assert RETRIEVAL.value("recall_50") == 0.5
    assert RETRIEVAL.value("recall_10") is None


@pytest.mark.parametrize("metrics", [RANKING, RETRIEVAL], ids=["ranking", "retrieval"])
def test_both_families_are_read_as_they_were_written(metrics: RankingMetrics, tmp_path: Path) -> None:
    task = TaskEvaluation(overall=metrics, slices=(SliceMetrics(name="user", value="new", metrics=metrics),))
    model = ModelEvaluation(name="din", fingerprint="abc", folder="somewhere", tasks={"click": task})
    evaluation = Evaluation(model=model, champion=None, champion_problem="gone", examples=9)
    evaluation.write(str(tmp_path))
    restored = Evaluation.read(str(tmp_path))
    assert restored == evaluation
    assert type(restored.model.tasks["click"].overall) is type(metrics)


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="accuracy"):
        RetrievalMetrics.model_validate(RETRIEVAL.model_dump() | {"accuracy": 1.0})
