"""Logs as TensorBoard reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from interestflow.pipeline.training.tensorboard import TensorBoardLog


def test_metrics_are_written_by_split_and_epoch(tmp_path: Path) -> None:
    log = TensorBoardLog(str(tmp_path))
    log.write("train", 1, {"loss": 0.5})
    log.write("train", 2, {"loss": 0.25})
    log.write("validation", 1, {"auc": 0.75, "log_loss": 0.5})
    values = {}
    for split in ("train", "validation"):
        (file,) = (tmp_path / split).iterdir()
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                values[split, event.step, value.tag] = float(tf.make_ndarray(value.tensor))
    assert values == {
        ("train", 1, "loss"): 0.5,
        ("train", 2, "loss"): 0.25,
        ("validation", 1, "auc"): 0.75,
        ("validation", 1, "log_loss"): 0.5,
    }


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    TensorBoardLog(None).write("train", 1, {"loss": 0.5})
    assert list(tmp_path.iterdir()) == []
