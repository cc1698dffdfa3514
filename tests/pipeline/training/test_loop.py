"""Tests of training: repeatable, resumable, equal on two devices, and stopped at the best epoch."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from interestflow.models.registry import build_ranker
from interestflow.models.training_config import EarlyStoppingConfig, OptimizerConfig, TrainingConfig
from interestflow.pipeline.metrics.validation import ranking_metrics
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.loop import TrainingError, TrainingResult, train
from interestflow.pipeline.training.progress import show_training_on
from interestflow.pipeline.training.ranker import RankerTraining
from tests.object_stores import ObjectStore
from tests.paths import PYTHON_PATH
from tests.pipeline.support import training_examples, training_program

COUNT = 640  # 20 batches of 32, so that two replicas leave nothing out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    training_examples.write(training_examples.make_rows(COUNT), folder / "train")
    training_examples.write(training_examples.make_rows(200, seed=6), folder / "validation")
    return folder


@pytest.fixture(scope="module")
def splits(folder: Path) -> tuple[Split, Split]:
    train_split, validation = (
        Split.read([str(folder / name / "part-*")], training_examples.INPUTS, 100) for name in ("train", "validation")
    )
    return train_split, validation


class PlainTraining(NamedTuple):
    """A training without any switch, with its backup under the key "one" and its logs."""

    result: TrainingResult
    backup: Path
    logs: Path


@pytest.fixture(scope="module")
def plain_training(splits: tuple[Split, Split], tmp_path_factory: pytest.TempPathFactory) -> PlainTraining:
    backup, logs = tmp_path_factory.mktemp("backup"), tmp_path_factory.mktemp("logs")
    folders = {"backup_folder": str(backup), "log_folder": str(logs)}
    result = train(config(), training_examples.SmallRanker, *splits, key="one", **folders)
    return PlainTraining(result, backup, logs)


def config(**changes: Any) -> TrainingConfig:
    values = {"batch_size": 32, "epochs": 2, "optimizer": OptimizerConfig(name="sgd", learning_rate=0.5), **changes}
    return TrainingConfig(**values)


def run_program(folder: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": PYTHON_PATH,
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    command = [
        sys.executable,
        "-m",
        "tests.pipeline.support.training_program",
        str(folder),
        str(folder / f"{name}.npz"),
        *arguments,
    ]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def run_in_process(folder: Path, dropout: float, megabytes: int, backup: str | None = None) -> TrainingResult:
    """Train as the program does, in this process."""
    splits = [
        Split.read([str(folder / name / "part-*")], training_examples.INPUTS, megabytes)
        for name in ("train", "validation")
    ]
    return train(
        training_program.configuration(),
        lambda: training_examples.SmallRanker(dropout),
        *splits,
        key="small",
        backup_folder=backup,
    )


def outcome(folder: Path, name: str, *arguments: str) -> tuple[list[np.ndarray], dict[str, Any]]:
    finished = run_program(folder, name, *arguments)
    assert finished.returncode == 0, finished.stderr[-3000:]
    with np.load(folder / f"{name}.npz") as arrays:
        weights = [arrays[key] for key in arrays]
    return weights, json.loads((folder / f"{name}.npz.json").read_text())


@pytest.mark.parametrize(("reading", "megabytes"), [((), 100), (("--streamed",), 0)], ids=["in memory", "streamed"])
def test_killed_and_resumed_ends_as_if_undisturbed(folder: Path, reading: tuple[str, ...], megabytes: int) -> None:
    """Dropout and an optimizer with state, so that random state and accumulators have to come back too."""
    expected = run_in_process(folder, 0.3, megabytes)
    backup = str(folder / f"backup{len(reading)}")
    kill = ("--backup", backup, "--kill-epoch", "1", "--kill-step", "15")
    killed = run_program(folder, "killed", "--dropout", "0.3", *reading, *kill)
    assert killed.returncode == -signal.SIGKILL
    resumed = run_in_process(folder, 0.3, megabytes, backup)
    # Prefetching reads ahead of the model, so the kill may come some batches early; every third step is saved.
    assert resumed.summary["resumed_at"]["epoch"] == 2
    assert resumed.summary["resumed_at"]["step"] % 3 == 0
    for left, right in zip(resumed.model.get_weights(), expected.model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    assert resumed.summary["history"] == expected.summary["history"]


def test_killed_and_resumed_from_an_object_store_ends_as_if_undisturbed(folder: Path, s3: ObjectStore) -> None:
    expected = run_in_process(folder, 0.3, 100)
    kill = ("--backup", f"{s3.url}/backup", "--kill-epoch", "1", "--kill-step", "15")
    killed = run_program(folder, "killed", "--dropout", "0.3", *kill)
    assert killed.returncode == -signal.SIGKILL
    resumed = run_in_process(folder, 0.3, 100, f"{s3.url}/backup")
    assert resumed.summary["resumed_at"]["epoch"] == 2
    for left, right in zip(resumed.model.get_weights(), expected.model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    assert resumed.summary["history"] == expected.summary["history"]


def test_two_replicas_end_as_one_at_the_same_global_batch(folder: Path) -> None:
    """A model without batch statistics: sums are taken in another order, hence a tolerance and not equality."""
    one = run_in_process(folder, 0.0, 100)
    two, together = outcome(folder, "two", "--replicas", "2")
    assert (one.summary["replicas"], together["replicas"]) == (1, 2)
    for left, right in zip(one.model.get_weights(), two, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)
    for left, right in zip(one.summary["history"], together["history"], strict=True):
        assert left["training_loss"] == pytest.approx(right["training_loss"], rel=1e-5)
        assert left["validation"] == pytest.approx(right["validation"], rel=1e-4)


def test_same_seed_same_weights(splits: tuple[Split, Split]) -> None:
    def weights(seed: int) -> list[np.ndarray]:
        return train(
            config(seed=seed, epochs=1), lambda: training_examples.SmallRanker(0.3), *splits
        ).model.get_weights()

    first, again, other = weights(1), weights(1), weights(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("metric", ["auc", "log_loss"])
def test_early_stopping_restores_the_best_epoch(splits: tuple[Split, Split], metric: str) -> None:
    stopping = EarlyStoppingConfig(metric=metric, patience=2)
    training, validation = splits
    # Steps so large that the metric rises and falls.
    steps = OptimizerConfig(name="sgd", learning_rate=4.0)
    trained = train(
        config(epochs=30, optimizer=steps, early_stopping=stopping), training_examples.SmallRanker, training, validation
    )
    values = [entry["validation"][metric] for entry in trained.summary["history"]]
    best = int(np.argmax(values) if metric == "auc" else np.argmin(values))
    assert trained.summary["best_epoch"] == best + 1
    assert trained.summary["epochs"] == best + 1 + 2 < 30
    model = RankerTraining(trained.model)
    result = ranking_metrics(model.predict(validation.in_order(64), verbose=0))
    assert result[metric] == pytest.approx(values[best], rel=1e-6)
    assert result[metric] != pytest.approx(values[-1], rel=1e-6)


def test_the_switches_train_too(splits: tuple[Split, Split], plain_training: PlainTraining) -> None:
    before = keras.config.dtype_policy()
    plain = plain_training.result.summary["validation"]["auc"]
    for switches in ({"mixed_precision": True}, {"xla": True}, {"steps_per_execution": 7}, {"batch_by_length": True}):
        trained = train(config(**switches), training_examples.SmallRanker, *splits)
        assert trained.summary["validation"]["auc"] == pytest.approx(plain, abs=0.02), switches
        assert {variable.dtype for variable in trained.model.variables} <= {"float32", "uint32"}
        assert trained.model.compute_dtype == "float32"
        assert keras.config.dtype_policy() == before


def test_labels_under_the_mask_change_nothing(tmp_path: Path, splits: tuple[Split, Split]) -> None:
    rows = training_examples.make_rows(COUNT)
    rows["label_like"] = np.where(rows["mask_like"] == 0, 1.0, rows["label_like"]).astype(np.float32)
    changed = Split.read([training_examples.write(rows, tmp_path)], training_examples.INPUTS, 100)
    training, validation = splits
    expected = train(config(epochs=1), training_examples.SmallRanker, training, validation).model.get_weights()
    result = train(config(epochs=1), training_examples.SmallRanker, changed, validation).model.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(expected, result, strict=True))


def test_logs_are_written_for_tensorboard(plain_training: PlainTraining) -> None:
    tags: dict[str, list[tuple[str, int]]] = {}
    for name in ("train", "validation"):
        (file,) = (plain_training.logs / name).iterdir()
        events = tf.compat.v1.train.summary_iterator(str(file))
        tags[name] = [(value.tag, event.step) for event in events for value in event.summary.value]
    assert tags["train"] == [("loss", 1), ("loss", 2)]
    assert ("auc", 2) in tags["validation"]
    assert ("log_loss_like", 1) in tags["validation"]


def test_a_backup_of_another_training_is_not_continued(
    tmp_path: Path, splits: tuple[Split, Split], plain_training: PlainTraining
) -> None:
    shutil.copytree(plain_training.backup, tmp_path / "backup")
    same = train(config(), training_examples.SmallRanker, *splits, key="one", backup_folder=str(tmp_path / "backup"))
    other = train(config(), training_examples.SmallRanker, *splits, key="two", backup_folder=str(tmp_path / "backup"))
    assert same.summary["resumed_at"] == {"epoch": 3, "step": 0}
    assert other.summary["resumed_at"] is None


def test_tables_beyond_their_budget_stop_training_before_they_are_built(splits: tuple[Split, Split]) -> None:
    """10^10 items, which no machine could hold."""
    inputs = replace(training_examples.INPUTS, item_rows=10**10)
    budget = config(optimizer=OptimizerConfig(name="sparse_adagrad"), max_embedding_memory_mb=500)
    shown = io.StringIO()
    with pytest.raises(TrainingError) as caught, show_training_on(Console(file=shown, width=120)):
        train(budget, lambda: build_ranker("din", inputs, {}), *splits, name="model din")
    # A weight and a slot of 4 bytes for each of 16 numbers an item, and for the biases of two tasks.
    assert "take 1,373,291 MB (item 1,220,703 MB, bias 152,588 MB, " in str(caught.value)
    assert str(caught.value).endswith("`training.max_embedding_memory_mb` is 500")
    assert "model din: embedding tables" in shown.getvalue()


def test_a_training_that_cannot_continue_says_why(tmp_path: Path, splits: tuple[Split, Split]) -> None:
    training, validation = splits
    diverging = OptimizerConfig(name="sgd", learning_rate=1e38)
    with pytest.raises(TrainingError, match="loss is nan in epoch 1"):
        train(config(optimizer=diverging), training_examples.SmallRanker, training, validation)
    rows = training_examples.make_rows(20) | {
        "label_click": np.zeros(20, np.float32),
        "mask_like": np.zeros(20, np.float32),
    }
    one_class = Split.read([training_examples.write(rows, tmp_path)], training_examples.INPUTS, 100)
    with pytest.raises(TrainingError, match="auc is undefined on the validation split"):
        train(config(), training_examples.SmallRanker, training, one_class)
