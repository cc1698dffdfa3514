"""Tests of the TFMA metrics, computed from extracts of one example each and sliced by TFMA, against plain NumPy."""

from __future__ import annotations

import math
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.extractors.slice_key_extractor import SLICE_KEY_EXTRACTOR_STAGE_NAME
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.slicer import slicer_lib

from interestflow.pipeline.metrics.ranking import expected_calibration_error, grouped_auc, log_loss
from interestflow.pipeline.metrics.scored_examples import ScoredExamples
from interestflow.pipeline.metrics.tfma_metrics import METRICS, ExactAUC
from interestflow.transforms.area_under_curve import area_under_curve as auc
from interestflow.transforms.generator.best_possible import best_possible

COUNT = 300
RANDOM = np.random.default_rng(11)
USERS = RANDOM.integers(0, 40, COUNT)
DEVICES = RANDOM.choice(["phone", "tablet"], COUNT)
TRUTH = RANDOM.random(COUNT).astype(np.float32)
LABELS = (RANDOM.random(COUNT) < TRUTH).astype(np.float32)
WEIGHTS = (RANDOM.random(COUNT) < 0.7).astype(np.float32)
SCORES = np.round(RANDOM.random(COUNT), 2).astype(np.float32)


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    """Return metrics by device, with "" for all examples."""
    folder: Path = tmp_path_factory.mktemp("tfma")
    eval_config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(label_key="label", example_weight_key="weight")],
        metrics_specs=tfma.metrics.specs_from_metrics(
            [metric(true_probability_key="truth") for metric in METRICS],
            include_example_count=False, include_weighted_example_count=False,
        ),
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["device"])],
    )  # fmt: skip
    extracts = [
        {
            tfma.INPUT_KEY: b"",
            tfma.LABELS_KEY: LABELS[row : row + 1],
            tfma.PREDICTIONS_KEY: SCORES[row : row + 1],
            tfma.EXAMPLE_WEIGHTS_KEY: WEIGHTS[row : row + 1],
            tfma.FEATURES_KEY: {
                "user": np.array([f"user {USERS[row]}".encode()]),
                "device": np.array([DEVICES[row]]),
                "truth": TRUTH[row : row + 1],
            },
        }
        for row in range(COUNT)
    ]
    with beam.Pipeline("FnApiRunner") as pipeline:
        _ = (
            pipeline
            | beam.Create(extracts)
            | tfma.ExtractEvaluateAndWriteResults(
                eval_config=eval_config,
                extractors=[tfma.extractors.SliceKeyExtractor(eval_config=eval_config, materialize=False)],
                output_path=str(folder),
            )
        )
    return {
        "".join(key.bytes_value.decode() for key in by_slice.slice_key.single_slice_keys): {
            entry.key.name: entry.value.double_value.value for entry in by_slice.metric_keys_and_values
        }
        for by_slice in tfma.load_metrics(str(folder))
    }


@pytest.mark.parametrize("device", ["", "phone", "tablet"])
def test_figures_are_those_of_numpy(figures: dict[str, dict[str, float]], device: str) -> None:
    rows = (WEIGHTS > 0) & (np.isin(DEVICES, [device] if device else ["phone", "tablet"]))
    labels, scores, users = LABELS[rows], SCORES[rows], USERS[rows]
    grouped = grouped_auc(labels, scores, users)
    assert grouped.dropped_users > 0
    best = best_possible(TRUTH[rows])
    expected = {
        "example_count": len(labels),
        "positives": labels.sum(),
        "unlabelled": ((WEIGHTS == 0) & (np.isin(DEVICES, [device] if device else ["phone", "tablet"]))).sum(),
        "auc": auc(labels, scores),
        "gauc": grouped.value,
        "gauc_users": grouped.users,
        "gauc_dropped_users": grouped.dropped_users,
        "log_loss": log_loss(labels, scores),
        "ece": expected_calibration_error(labels, scores),
        "calibration": scores.mean() / labels.mean(),
        "best_possible_auc": best.auc,
        "best_possible_log_loss": best.log_loss,
    }
    assert figures[device].keys() == expected.keys()
    for name, value in expected.items():
        assert figures[device][name] == pytest.approx(value, rel=1e-6), name


def test_metrics_are_registered_and_serialized_with_their_arguments() -> None:
    for metric in METRICS:
        assert metric.__name__ in tfma.metrics.metric_types.registered_metrics()
        config = metric(user_key="who").get_config()
        assert config == {"name": metric.names[0], "user_key": "who", "true_probability_key": ""}
        assert metric.from_config(dict(config)).get_config() == config


def test_all_metrics_of_a_task_share_one_pass() -> None:
    computations = [
        computation
        for metric in METRICS
        for computation in metric().computations(output_names=["click"])
        if isinstance(computation, tfma.metrics.MetricComputation)
    ]
    assert len(computations) == len(METRICS)
    assert len({computation._computation_id() for computation in computations}) == 1


def test_tasks_do_not_share_their_examples() -> None:
    keys = {computation.keys[0] for computation in ExactAUC().computations(output_names=["click", "like"])[::2]}
    assert {key.output_name for key in keys} == {"click", "like"}


def test_the_best_possible_is_undefined_where_a_true_probability_is_missing() -> None:
    nothing = ScoredExamples.empty()
    for truth in ([], [0.5], [0.5, math.nan], [0.5, 1.5]):
        scored = ScoredExamples(nothing.labels, nothing.labels, nothing.users, np.array(truth, np.float32))
        figures = [figure for metric in METRICS if metric.names[0] == "best_possible_auc"
                   for figure in metric.values(scored).values()]  # fmt: skip
        assert len(figures) == 2
        assert all(map(math.isnan, figures))


def test_tfmas_own_auc_is_off_for_rare_clicks(tmp_path: Path) -> None:
    """Why there is an exact one: the scores of a rare click share few of TFMA's 10,000 buckets."""
    random = np.random.default_rng(2)
    scores = 1.0 / (1.0 + np.exp(9.0 - random.normal(0.0, 0.5, 2000)))
    labels = (random.random(2000) < 500.0 * scores).astype(np.float32)
    eval_config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(label_key="label")],
        metrics_specs=tfma.metrics.specs_from_metrics([tfma.metrics.AUC(name="bucketed"), ExactAUC()]),
    )
    overall = {
        tfma.INPUT_KEY: b"",
        tfma.SLICE_KEY_TYPES_KEY: slicer_lib.slice_keys_to_numpy_array([()]),
        tfma.LABELS_KEY: labels,
        tfma.PREDICTIONS_KEY: scores,
        tfma.FEATURES_KEY: {"user": np.arange(2000)},
    }
    with beam.Pipeline("FnApiRunner") as pipeline:
        _ = (
            pipeline
            | beam.Create([overall])
            | tfma.ExtractEvaluateAndWriteResults(
                eval_config=eval_config,
                extractors=[
                    tfma.extractors.Extractor(SLICE_KEY_EXTRACTOR_STAGE_NAME, beam.Map(lambda extracts: extracts))
                ],
                output_path=str(tmp_path),
            )
        )
    (metrics,) = tfma.load_metrics(str(tmp_path))
    figures = {entry.key.name: entry.value.double_value.value for entry in metrics.metric_keys_and_values}
    exact = auc(labels, scores)
    assert figures["auc"] == pytest.approx(exact)
    assert abs(figures["bucketed"] - exact) > 0.005
