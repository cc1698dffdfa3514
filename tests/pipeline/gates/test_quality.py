"""Tests of the quality gate: which models pass, and the reasons against others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interestflow.pipeline.evaluation.result import (
    Evaluation,
    ModelEvaluation,
    RankingMetrics,
    SliceMetrics,
    TaskEvaluation,
)
from interestflow.pipeline.gate_config import GateConfig
from interestflow.pipeline.gates.quality import Verdict, judge


def metrics(examples: int = 10_000, **values: Any) -> RankingMetrics:
    figures = {"auc": 0.75, "gauc": 0.71, "log_loss": 0.5, "ece": 0.01, "calibration": 1.0} | values
    return RankingMetrics(
        examples=examples, positives=100, unlabelled=0, gauc_users=50, gauc_dropped_users=5, **figures
    )  # fmt: skip


def model(overall: RankingMetrics, *slices: SliceMetrics, tasks: tuple[str, ...] = ("click",)) -> ModelEvaluation:
    evaluated = TaskEvaluation(overall=overall, slices=slices)
    return ModelEvaluation(name="din", fingerprint="f", folder="/model", tasks=dict.fromkeys(tasks, evaluated))


def new_users(examples: int = 1234, **values: Any) -> SliceMetrics:
    return SliceMetrics(name="user", value="new", metrics=metrics(examples, **values))


def verdict(now: ModelEvaluation, before: ModelEvaluation | None = None, **gate: Any) -> Verdict:
    evaluation = Evaluation(model=now, champion=before, champion_problem=None, examples=10_000)
    return judge(evaluation, GateConfig(**gate))


def test_a_model_within_its_bounds_is_blessed() -> None:
    result = verdict(model(metrics(auc=0.75)), at_least={"auc": 0.75, "gauc": 0.7}, at_most={"log_loss": 0.5})
    assert result.is_blessed
    assert result.reasons == ()
    assert result.notes == ("there is no champion yet to compare with",)


def test_every_bound_that_is_missed_is_a_sentence() -> None:
    result = verdict(model(metrics(auc=0.7012, ece=0.05)), at_least={"auc": 0.75}, at_most={"ece": 0.02, "log_loss": 1})
    assert not result.is_blessed
    assert result.reasons == (
        "auc of task click is 0.7012, should be at least 0.75",
        "ece of task click is 0.0500, should be at most 0.02",
    )


def test_a_value_just_short_of_its_bound_is_not_shown_as_the_bound() -> None:
    (reason,) = verdict(model(metrics(auc=0.749999)), at_least={"auc": 0.75}).reasons
    assert reason == "auc of task click is 0.749999, should be at least 0.75"


@pytest.mark.parametrize("gate", [{"at_least": {"gauc": 0.0}}, {"at_most": {"log_loss": 100.0}}])
def test_an_undefined_metric_passes_no_bound(gate: dict[str, Any]) -> None:
    (metric,) = next(iter(gate.values()))
    (reason,) = verdict(model(metrics(**{metric: None})), **gate).reasons
    assert reason.startswith(f"{metric} of task click is undefined, should be at ")


def test_a_fall_against_the_champion_is_allowed_up_to_the_margin() -> None:
    before = model(metrics(gauc=0.71, log_loss=0.5))
    margins = {"gauc": 0.005, "log_loss": 0.01}
    assert verdict(model(metrics(gauc=0.705, log_loss=0.51)), before, champion_margin=margins).is_blessed
    result = verdict(model(metrics(gauc=0.69, log_loss=0.52)), before, champion_margin=margins)
    assert result.reasons == (
        "gauc of task click fell from 0.7100 to 0.6900, more than the margin 0.005",
        "log_loss of task click rose from 0.5000 to 0.5200, more than the margin 0.01",
    )


def test_a_better_model_passes_whatever_the_margin() -> None:
    before, better = model(metrics(auc=0.7, ece=0.1)), model(metrics(auc=0.9, ece=0.0))
    assert verdict(better, before, champion_margin={"auc": 0.0, "ece": 0.0}).is_blessed


def test_a_slice_may_fall_by_both_margins() -> None:
    before, now = model(metrics(), new_users(gauc=0.71)), model(metrics(), new_users(gauc=0.69))
    margins = {"champion_margin": {"gauc": 0.005}}
    assert verdict(now, before, slice_margin=0.02, **margins).is_blessed
    result = verdict(now, before, slice_margin=0.01, **margins)
    assert result.reasons == (
        "gauc of task click fell from 0.7100 to 0.6900 (slice user=new, 1,234 examples), more than the margin 0.015",
    )
    assert verdict(now, before, **margins).is_blessed  # without `slice_margin`, slices are only reported


def test_small_slices_are_not_judged() -> None:
    before, now = model(metrics(), new_users(999, auc=0.9)), model(metrics(), new_users(999, auc=0.1))
    assert verdict(now, before, slice_margin=0.0).is_blessed
    assert not verdict(now, before, slice_margin=0.0, min_slice_examples=999).is_blessed


def test_absolute_bounds_are_of_all_examples_alone() -> None:
    assert verdict(model(metrics(auc=0.8), new_users(auc=0.5)), at_least={"auc": 0.7}).is_blessed


def test_a_metric_that_became_undefined_is_refused() -> None:
    before = model(metrics(), new_users(auc=0.7))
    (reason,) = verdict(model(metrics(auc=None), new_users(auc=0.7)), before).reasons
    assert reason == "auc of task click is undefined, the champion's is 0.7500"
    (reason,) = verdict(model(metrics(), new_users(auc=None)), before, slice_margin=0.0).reasons
    assert reason == "auc of task click is undefined (slice user=new, 1,234 examples), the champion's is 0.7000"


def test_a_metric_that_is_undefined_for_both_is_refused_overall_but_not_in_a_slice() -> None:
    undefined = model(metrics(auc=None), new_users(auc=None))
    assert verdict(undefined, undefined).reasons == ("auc of task click is undefined, as the champion's is",)
    in_slice = model(metrics(), new_users(auc=None))
    assert verdict(in_slice, in_slice, slice_margin=0.0).is_blessed


def test_every_task_is_held_to_the_bounds() -> None:
    reasons = verdict(model(metrics(auc=0.6), tasks=("click", "like")), at_least={"auc": 0.7}).reasons
    assert [reason.split(" is ")[0] for reason in reasons] == ["auc of task click", "auc of task like"]


def test_a_champion_that_could_not_be_evaluated_is_a_note() -> None:
    evaluation = Evaluation(
        model=model(metrics()), champion=None, champion_problem="it needs the feature `device`", examples=10_000
    )
    result = judge(evaluation, GateConfig())
    assert result.is_blessed
    assert result.notes == ("not compared with the champion: it needs the feature `device`",)


def test_it_is_written_and_read(tmp_path: Path) -> None:
    result = verdict(model(metrics(auc=0.1)), at_least={"auc": 0.7})
    result.write(str(tmp_path))
    assert Verdict.read(str(tmp_path)) == result
