"""Tests of backups: what is saved is restored whole, and what cannot be used is discarded with a warning."""

import logging
from pathlib import Path

import keras
import numpy as np
import pytest

from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.optimizers import Decoupled, RowwiseAdagrad
from interestflow.pipeline.training.backup import Backup, TrainingState, discard
from interestflow.storage import StorageError
from tests.object_stores import ObjectStore, refusing_changes


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
    backup.restore_best(1, model)
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


@pytest.mark.parametrize("kind", ["s3", "gcs"])
def test_a_backup_in_an_object_store_comes_back(kind: str, request: pytest.FixtureRequest) -> None:
    store: ObjectStore = request.getfixturevalue(kind)
    folder = f"{store.url}/shop/model"
    model, other = train_model(), build_model()
    backup = Backup(folder, "key", model)
    backup.save_best(1)
    backup.save(STATE)
    again = Backup(folder, "key", other)
    assert again.restore() == STATE
    for left, right in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(left, right)
    other.set_weights([weight + 1.0 for weight in other.get_weights()])
    again.restore_best(1, other)
    for left, right in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
    # The resumed training goes on with the numbers of the first, and its next state replaces that one.
    again.save_best(2)
    again.save(TrainingState(epoch=3, best_epoch=2, best_value=0.8))
    kinds = sorted(key.partition("-")[2] for key in store.files())
    assert kinds == [
        "", "best-2.data-00000-of-00001", "best-2.index", "checkpoint", "ckpt-2.data-00000-of-00001", "ckpt-2.index",
    ]  # fmt: skip
    discard(folder)
    assert store.files() == {}


def test_a_backup_of_another_training_in_an_object_store_is_discarded(
    s3: ObjectStore, caplog: pytest.LogCaptureFixture
) -> None:
    folder, model = f"{s3.url}/model", build_model()
    Backup(folder, "key", train_model()).save(STATE)
    before = values(model)
    backup = Backup(folder, "other", model)
    with caplog.at_level(logging.WARNING):
        assert backup.restore() is None
    assert f"the backup in {folder} is of another training and is discarded" in caplog.text
    assert s3.files() == {}
    for left, right in zip(values(model), before, strict=True):
        np.testing.assert_array_equal(left, right)
    backup.save(STATE)
    assert Backup(folder, "other", build_model()).restore() == STATE


def test_a_save_that_fails_is_tried_again_at_the_next(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, model = f"{s3.url}/model", train_model()
    backup = Backup(folder, "key", model)
    backup.save(STATE)
    with refusing_changes(s3.endpoint, 0) as endpoint, caplog.at_level(logging.WARNING):
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        backup.save(TrainingState(epoch=5))
    assert "training goes on without a new backup, and tries again at the next save" in caplog.text
    assert f"cannot be written: the credentials in the environment are refused by {endpoint}" in caplog.text
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    assert Backup(folder, "key", build_model()).restore() == STATE
    backup.save(TrainingState(epoch=6))
    assert Backup(folder, "key", build_model()).restore() == TrainingState(epoch=6)


def test_a_store_that_cannot_be_read_ends_the_training_before_it_replaces_a_backup(s3: ObjectStore) -> None:
    with pytest.raises(StorageError, match=r"^s3://missing/model cannot be read: there is no bucket missing"):
        Backup("s3://missing/model", "key", build_model()).restore()


def test_a_backup_that_cannot_be_removed_stays(caplog: pytest.LogCaptureFixture, s3: ObjectStore) -> None:
    with caplog.at_level(logging.WARNING):
        discard("s3://missing/model")
    assert "the backup in s3://missing/model cannot be removed and stays: " in caplog.text
