"""Backups of a training, from which it resumes where it was killed."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from dataclasses import asdict, dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from interestflow import storage
from interestflow.pipeline.training.backup_mirror import BackupMirror

LATEST, BEST = "latest", "best"


@dataclass
class TrainingState:
    """Progress of a training.

    Attributes:
        epoch: Epoch to continue with, counted from 0.
        step: Steps of that epoch that are done.
        best_epoch: Epoch with the best value of the metric of early stopping; None before the first.
        best_value: That value.
        history: One entry with loss and validation for each finished epoch.
    """

    epoch: int = 0
    step: int = 0
    best_epoch: int | None = None
    best_value: float | None = None
    history: list[dict[str, Any]] = field(default_factory=list)


class Backup:
    """Latest state of a training and its best weights, in a folder that a second attempt resumes from.

    Everything that decides how training continues is saved: weights, optimizer, random seeds, metrics and
    `TrainingState`. Both are TensorFlow checkpoints. State and weights are one checkpoint, so that a kill while saving
    leaves the previous one whole.

    Args:
        folder: Folder of the backup alone, on a disk or a mounted volume. Of a folder on s3:// or gs://, a temporary
            copy is written and mirrored there.
        key: Key of what is being trained; a backup with another key is discarded, not resumed.
        model: The model, built, with its optimizer built.
    """

    def __init__(self, folder: str, key: str, model: keras.Model) -> None:
        """Prepare the checkpoints; nothing is read or written yet."""
        self.folder = folder
        self.key = key
        self._model = model
        self._local, self._mirror = folder, None
        if storage.is_remote(folder):
            self._temporary = tempfile.TemporaryDirectory(prefix="interestflow-backup-")  # removed with this object
            self._local = self._temporary.name
            self._mirror = BackupMirror(self._local, folder)
        optimizer = [variable.value for variable in model.optimizer.variables]
        # The text is a variable, because a checkpoint holds variables only.
        self._text = tf.Variable("", dtype=tf.string, trainable=False)
        self._latest = tf.train.Checkpoint(
            text=self._text,
            model=[variable.value for variable in model.variables],
            metrics=[variable.value for variable in model.metrics_variables],
            optimizer=optimizer,
        )
        self._manager = self._new_manager()
        self._best = tf.train.Checkpoint(weights=[variable.value for variable in model.weights])

    def restore(self) -> TrainingState | None:
        """Restore the latest saved state into the model and return it; None if there is none to resume from.

        A backup of another training, or one that cannot be read, is discarded with a warning.

        Raises:
            StorageError: If the store of a remote folder does not answer.
        """
        if self._mirror is not None and self._mirror.download():
            self._manager = self._new_manager()  # it looks for checkpoints only as it is made
        path = self._manager.latest_checkpoint
        if path is None:
            return None
        # An error half way leaves some variables restored; training should then begin as if there were no backup.
        variables = tf.nest.flatten([self._latest.model, self._latest.metrics, self._latest.optimizer])
        initial = [variable.numpy() for variable in variables]
        try:
            saved = tf.train.load_checkpoint(path).get_tensor("text/.ATTRIBUTES/VARIABLE_VALUE")
            content = json.loads(saved.decode())
            if content["key"] != self.key:
                logging.warning("the backup in %s is of another training and is discarded", self.folder)
                self._discard()
                return None
            self._latest.restore(path).assert_existing_objects_matched()
        except (tf.errors.OpError, ValueError, AssertionError, LookupError, RuntimeError) as error:
            for variable, value in zip(variables, initial, strict=True):
                variable.assign(value)
            logging.warning("the backup in %s cannot be read and is discarded: %s", self.folder, error)
            self._discard()
            return None
        return TrainingState(**content["state"])

    def save(self, state: TrainingState) -> None:
        """Save the model, its optimizer and `state`, and remove weights that are no longer the best."""
        self._text.assign(json.dumps({"key": self.key, "state": asdict(state)}))
        self._manager.save()
        for name in self._best_files():
            if state.best_epoch is None or not name.startswith(f"{_best_name(state.best_epoch)}."):
                os.remove(os.path.join(self._local, name))
        if self._mirror is not None:
            self._mirror.upload()

    def save_best(self, epoch: int) -> None:
        """Save the weights of `epoch`; earlier ones stay until `save` records that these are the best."""
        self._best.write(os.path.join(self._local, _best_name(epoch)))

    def restore_best(self, epoch: int) -> None:
        """Restore the weights that `save_best` saved for `epoch` into the model."""
        self._best.read(os.path.join(self._local, _best_name(epoch))).assert_existing_objects_matched()

    def _best_files(self) -> list[str]:
        return [name for name in os.listdir(self._local) if name.startswith(f"{BEST}-")]

    def _new_manager(self) -> tf.train.CheckpointManager:
        return tf.train.CheckpointManager(self._latest, os.path.join(self._local, LATEST), max_to_keep=1)

    def _discard(self) -> None:
        """Remove the backup and its copy, and forget what was in it."""
        for folder in {self.folder, self._local}:
            discard(folder)
        self._manager = self._new_manager()


def discard(folder: str) -> None:
    """Remove the backup in `folder`, if there is one. Where it cannot be removed, it stays, after a warning."""
    try:
        storage.remove_folder(folder)
    except storage.StorageError as error:
        logging.warning("the backup in %s cannot be removed and stays: %s", folder, error)


def _best_name(epoch: int) -> str:
    return f"{BEST}-{epoch}"


class BackupEverySteps(keras.callbacks.Callback):
    """Callback that saves `state` every `steps` steps of an epoch that begins at `state.step`.

    Args:
        backup: Where to save.
        state: Progress of the training; updated with each save.
        steps: Steps between two saves; with several steps per execution, the next end of an execution.
        steps_per_epoch: Steps of an epoch; the last step is left to the caller, who finishes the epoch.
        metrics: Values of the model's metrics to begin the epoch with, where it was interrupted.
    """

    def __init__(
        self, backup: Backup, state: TrainingState, steps: int, steps_per_epoch: int, metrics: list[np.ndarray] | None
    ) -> None:
        """Store what to save and when."""
        super().__init__()
        self._backup = backup
        self._state = state
        self._steps = steps
        self._steps_per_epoch = steps_per_epoch
        self._metrics = metrics
        self._first = state.step

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Restore the metrics of an interrupted epoch."""
        for variable, value in zip(self.model.metrics_variables, self._metrics or [], strict=False):
            variable.assign(value)  # `fit` reset them just before

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Save if enough steps have passed since the last save."""
        done = self._first + batch + 1
        if done - self._state.step >= self._steps and done < self._steps_per_epoch:
            self._state.step = done
            self._backup.save(self._state)
