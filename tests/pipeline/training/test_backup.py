"""Tests of backups: what is saved is restored whole, and what cannot be used is discarded with a warning."""

import logging
from pathlib import Path

import keras
import numpy as np
import pytest

from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.optimizers import Decoupled, RowwiseAdagrad
from interestflow.pipeline.training.backup import Backup, TrainingState, discard


def build_model() -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dropout(0.5)])
    model.compile(keras.optimizers.Adam(), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def train_model() -> keras.Model:
    model = build_model()
    model.fit(np.ones((8, 3), np.float32), np.zeros((8, 2), np.float32), verbose=0)
    return model


def values(model: keras.Model) -> list[np.ndarray]:
    return [variable.numpy() for variable in [*model.variables, *model.optimizer.variables, *model.metrics_variables]]


STATE = TrainingState(epoch=2, step=7, best_epoch=1, best_value=0.75, history=[{"epoch": 1, "training_loss": 0.5}])


def test_weights_optimizer_random_state_and_metrics_come_back(tmp_path: Path) -> None:
    model, other = train_model(), build_model()
    Backup(str(tmp_path), "key", model).save(STATE)
    assert Backup(str(tmp_path), "key", other).restore() == STATE
    for left, right in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(left, right)


def test_slots_of_tables_come_back(tmp_path: Path) -> None:
    """Two optimizers each have a step count and a rate; row-wise Adagrad has one number for each of the 5 rows."""

    def with_table() -> keras.Model:
        inputs = keras.Input((3,), dtype="int64")
        model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(EmbeddingTable(5, 2)(inputs))))
        model.compile(Decoupled(RowwiseAdagrad(0.1), keras.optimizers.Adam(), global_clipnorm=1.0), "mse")
        model.optimizer.build(model.trainable_variables)
        return model

    model, other = with_table(), with_table()
    model.fit(np.array([[1, 2, 2], [4, 0, 0]]), np.ones((2, 2), np.float32), verbose=0)
    Backup(str(tmp_path), "key", model).save(STATE)
    assert Backup(str(tmp_path), "key", other).restore() == STATE
    assert any(variable.shape == (5,) for variable in other.optimizer.variables)
    for left, right in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(left, right)


def test_there_is_nothing_to_restore_at_first(tmp_path: Path) -> None:
    assert Backup(str(tmp_path / "new"), "key", build_model()).restore() is None


def test_the_best_weights_stay_until_better_ones_are_saved(tmp_path: Path) -> None:
    model = train_model()
    backup = Backup(str(tmp_path), "key", model)
    best = [weight.copy() for weight in model.get_weights()]
    backup.save_best(1)
    backup.save(STATE)
    model.set_weights([weight + 1.0 for weight in best])
    backup.save_best(2)  # and killed before `save`: the state still says epoch 1
    backup.restore_best(1)
    for left, right in zip(model.get_weights(), best, strict=True):
        np.testing.assert_array_equal(left, right)
    backup.save(TrainingState(epoch=3, best_epoch=2, best_value=0.8))
    assert {path.name.split(".")[0] for path in tmp_path.glob("best-*")} == {"best-2"}


@pytest.mark.parametrize("harm", ["another key", "cut off", "another model"])
def test_what_cannot_be_continued_is_discarded_and_said(
    tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    Backup(str(tmp_path / "backup"), "key", train_model()).save(STATE)
    model, key = build_model(), "key"
    if harm == "another key":
        key = "other"
    elif harm == "cut off":
        (data,) = (tmp_path / "backup" / "latest").glob("*.data-*")
        data.write_bytes(data.read_bytes()[:40])
    else:
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
        model.compile(keras.optimizers.Adam(), "mse")
        model.optimizer.build(model.trainable_variables)
    before = values(model)
    with caplog.at_level(logging.WARNING):
        assert Backup(str(tmp_path / "backup"), key, model).restore() is None
    assert "is discarded" in caplog.text
    assert not (tmp_path / "backup").exists()
    for left, right in zip(values(model), before, strict=True):
        np.testing.assert_array_equal(left, right)


def test_discarding_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    discard(str(tmp_path / "nothing"))
    assert list(tmp_path.iterdir()) == []
