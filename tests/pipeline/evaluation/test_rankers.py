"""Tests of evaluating an exported ranker on raw test examples through TFMA, against NumPy, overall and by slice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from apache_beam.options.pipeline_options import PipelineOptions

import tests.pipeline.support.exported_rankers as small
from interestflow.pipeline.evaluation import scoring
from interestflow.pipeline.evaluation.common import files_of_test_split
from interestflow.pipeline.evaluation.evaluate import evaluate
from interestflow.pipeline.evaluation.rankers import evaluate_ranker
from interestflow.pipeline.evaluation.result import Evaluation, EvaluationError, RankingMetrics
from interestflow.pipeline.metrics.ranking import calibration, expected_calibration_error, grouped_auc, log_loss
from interestflow.transforms.area_under_curve import area_under_curve as auc
from interestflow.transforms.generator.best_possible import best_possible
from tests.beam_arguments import BEAM_ARGUMENTS

OPTIONS = PipelineOptions(BEAM_ARGUMENTS)
ROWS = small.make_rows(400)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write_examples(ROWS, tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluation")


@pytest.fixture(scope="module")
def evaluation(examples: Path, output: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    folder = tmp_path_factory.mktemp("models")
    model = small.export_model(folder / "model", name="din")
    champion = small.export_model(folder / "champion", fingerprint="champion00000000", slope=-0.1)
    with pytest.MonkeyPatch.context() as patch:  # so that files have several batches, and several blocks
        patch.setattr(scoring, "BATCH", 32)
        patch.setattr(scoring, "BLOCK", 64)
        return evaluate(small.config(), str(model), str(champion), str(examples), str(output), OPTIONS)


def check(metrics: RankingMetrics, task: str, rows: list[dict[str, Any]], slope: float) -> None:
    """Check every metric of `task` on `rows` against its computation from the rows."""
    labelled = [row for row in rows if task == "click" or row["mask_like"] == 1.0]
    labels = np.array([row[f"label_{task}"] for row in labelled], np.float32)
    scores = small.probabilities(labelled, slope)[task]
    users = np.array([int(row["user"][1:]) for row in labelled], np.int64)
    grouped = grouped_auc(labels, scores, users)
    expected = {
        "examples": len(labelled),
        "positives": labels.sum(),
        "unlabelled": len(rows) - len(labelled),
        "auc": auc(labels, scores),
        "gauc": grouped.value,
        "gauc_users": grouped.users,
        "gauc_dropped_users": grouped.dropped_users,
        "log_loss": log_loss(labels, scores),
        "ece": expected_calibration_error(labels, scores),
        "calibration": calibration(labels, scores),
    }
    for name, value in expected.items():
        received = getattr(metrics, name)
        assert (np.nan if received is None else received) == pytest.approx(value, rel=1e-5, nan_ok=True), name
    if task == "click" and len(rows) > 1:
        best = best_possible(np.array([row["true_probability"] for row in rows]))
        assert metrics.best_possible_auc == pytest.approx(best.auc, nan_ok=True)
        assert metrics.best_possible_log_loss == pytest.approx(best.log_loss)
    if task == "like":  # the true probability is that of the first task's label
        assert metrics.best_possible_auc is None


@pytest.mark.parametrize("task", small.TASKS)
def test_overall_figures_are_those_of_numpy(evaluation: Evaluation, task: str) -> None:
    assert evaluation.examples == len(ROWS)
    assert evaluation.champion is not None
    check(evaluation.model.tasks[task].overall, task, ROWS, slope=0.3)
    check(evaluation.champion.tasks[task].overall, task, ROWS, slope=-0.1)


def buckets(row: dict[str, Any]) -> list[str]:
    price = row["price"]
    return ["(missing)" if np.isnan(price) else "below 1" if price < 1 else "1 to 10" if price < 10 else "10 or more"]


MEMBERSHIP = {
    "history_length": lambda row: [row["slice_history_length"]],
    "user": lambda row: [row["slice_user"]],
    "item": lambda row: [row["slice_item"]],
    "device": lambda row: [row["device"] or "(missing)"],
    "tags": lambda row: row["tags"],
    "price": buckets,
}


@pytest.mark.parametrize("task", small.TASKS)
def test_figures_of_every_slice_are_those_of_numpy(evaluation: Evaluation, task: str) -> None:
    slices = evaluation.model.tasks[task].slices
    expected = {(name, value) for name, parts in MEMBERSHIP.items() for row in ROWS for value in parts(row)}
    assert {(part.name, part.value) for part in slices} == expected
    for part in slices:
        rows = [row for row in ROWS if part.value in MEMBERSHIP[part.name](row)]
        check(part.metrics, task, rows, slope=0.3)


def test_slices_stand_in_the_order_of_the_configuration_and_of_their_values(evaluation: Evaluation) -> None:
    slices = evaluation.model.tasks["click"].slices
    assert list(dict.fromkeys(part.name for part in slices)) == list(MEMBERSHIP)
    by_name = {name: [part.value for part in slices if part.name == name] for name in MEMBERSHIP}
    assert by_name["history_length"] == ["0", "1-4", "5-19", "20-49", "50+"]
    assert by_name["price"] == ["below 1", "1 to 10", "10 or more", "(missing)"]
    assert by_name["device"] == ["(missing)", "phone", "tablet"]
    assert by_name["tags"] == ["t0", "t1"]


def test_the_models_are_named(evaluation: Evaluation) -> None:
    assert (evaluation.model.name, evaluation.model.fingerprint) == ("din", "candidate0000000")
    assert evaluation.champion is not None
    assert (evaluation.champion.name, evaluation.champion.fingerprint) == ("pooled", "champion00000000")
    assert evaluation.champion_problem is None


def test_tfma_can_read_the_results(evaluation: Evaluation, output: Path) -> None:
    assert Evaluation.read(str(output)) == evaluation
    assert json.loads((output / "evaluation.json").read_text())["model"]["tasks"]["click"]["overall"]["examples"] == 400
    viewed = tfma.load_eval_result(str(output / "model"))
    figures = dict(viewed.slicing_metrics)[()]["click"][""]
    assert figures["gauc"]["doubleValue"] == pytest.approx(evaluation.model.tasks["click"].overall.gauc)


def test_share_of_the_way_by_hand(evaluation: Evaluation) -> None:
    overall = evaluation.model.tasks["click"].overall
    assert overall.model_copy(update={"auc": 0.65, "best_possible_auc": 0.7}).headroom_share == pytest.approx(0.75)
    assert overall.model_copy(update={"best_possible_auc": None}).headroom_share is None
    assert overall.model_copy(update={"auc": None}).headroom_share is None


def problem(examples: Path, folder: Path, model: Path, **changes: Any) -> str:
    with pytest.raises(EvaluationError) as caught:
        evaluate_ranker(small.config(**changes), str(model), str(examples), str(folder / "out"), OPTIONS)
    return str(caught.value)


def test_a_champion_that_cannot_be_scored_is_a_problem_and_not_an_error(examples: Path, tmp_path: Path) -> None:
    features = {"attributes": [*small.CONFIG["features"]["attributes"], {"name": "colour", "from": "events"}]}
    model = small.export_model(tmp_path / "model")
    champion = small.export_model(tmp_path / "champion", described=small.config(features=features))
    config = small.config(evaluation={"slices": []})
    evaluation = evaluate(config, str(model), str(champion), str(examples), str(tmp_path / "out"), OPTIONS)
    assert evaluation.champion is None
    assert evaluation.champion_problem == (
        f"the model in {champion} needs the feature `colour`, which the examples do not have"
    )
    assert evaluation.model.tasks["click"].slices == ()


def test_a_feature_of_another_type_is_named(examples: Path, tmp_path: Path) -> None:
    other = [{"name": "device", "from": "events"}, {"name": "tags", "from": "events"},
             {"name": "price", "from": "events", "kind": "numeric"}]  # fmt: skip
    model = small.export_model(tmp_path / "model", described=small.config(features={"attributes": other},
                                                                         evaluation={"slices": []}))  # fmt: skip
    assert "needs the feature `tags` as value of string, the examples have it as list of string" in problem(
        examples, tmp_path, model
    )


def test_a_missing_task_is_named(examples: Path, tmp_path: Path) -> None:
    model = small.export_model(tmp_path / "model", tasks=("click",))
    assert "should score like, but its tasks are click" in problem(examples, tmp_path, model)


def test_examples_without_a_label_are_refused_by_name(tmp_path: Path) -> None:
    rows = [{name: value for name, value in row.items() if name != "label_like"} for row in ROWS[:8]]
    examples = small.write_examples(rows, tmp_path / "examples")
    model = small.export_model(tmp_path / "model")
    assert "label_like" in problem(examples, tmp_path, model)


def test_what_is_not_there_is_named(examples: Path, tmp_path: Path) -> None:
    assert "should hold saved_model.pb" in problem(examples, tmp_path, tmp_path)
    with pytest.raises(EvaluationError, match=r"no file of test examples matches .*Split-test"):
        files_of_test_split(str(tmp_path))
    empty = small.write_examples([], tmp_path / "empty")
    model = small.export_model(tmp_path / "model")
    assert problem(empty, tmp_path, model) == "the test split has no examples"
