"""Backups of a training, from which it resumes where it was killed."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from interestflow import storage
from interestflow.pipeline.training.backup_mirror import BackupMirror
from interestflow.pipeline.training.variable_files import (
    VariableFileError,
    read_text,
    read_variables,
    variable_files,
    write_variables,
)

LATEST, BEST, CHECKPOINT = "latest", "best", "ckpt"
POINTER = "checkpoint"
"""File with the name of the checkpoint that is the latest."""
TEXT = "state"
"""Name of the text in the checkpoint of the latest state."""


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
    `TrainingState`. Both are TensorFlow checkpoints, written and read in parts, so that no table is in memory twice.
    State and weights are one checkpoint, so that a kill while saving leaves the previous one whole.

    Args:
        folder: Folder of the backup alone, on a disk or a mounted volume. Of a folder on s3:// or gs://, a temporary
            copy is written and mirrored there.
        key: Key of what is being trained; a backup with another key is discarded, not resumed.
        model: The model, built, with its optimizer built.
    """

    def __init__(self, folder: str, key: str, model: keras.Model) -> None:
        """Collect the variables; nothing is read or written yet."""
        self.folder = folder
        self.key = key
        self._local, self._mirror = folder, None
        if storage.is_remote(folder):
            self._temporary = tempfile.TemporaryDirectory(prefix="interestflow-backup-")  # removed with this object
            self._local = self._temporary.name
            self._mirror = BackupMirror(self._local, folder)
        self._variables = {
            **_by_name("model", model.variables),
            **_by_name("metrics", model.metrics_variables),
            **_by_name("optimizer", model.optimizer.variables),
        }
        self._weights = _by_name("weights", model.weights)

    def release(self) -> None:
        """Forget the variables of the model, which can then be freed; `restore_best` still works."""
        self._variables, self._weights = {}, {}

    def restore(self) -> TrainingState | None:
        """Restore the latest saved state into the model and return it; None if there is none to resume from.

        A backup of another training, or one that cannot be read, is discarded with a warning, and nothing is restored.

        Raises:
            StorageError: If the store of a remote folder does not answer.
        """
        if self._mirror is not None:
            self._mirror.download()
        path = self._latest()
        if path is None:
            return None
        try:
            content = json.loads(read_text(path, TEXT))
            if content["key"] != self.key:
                logging.warning("the backup in %s is of another training and is discarded", self.folder)
                self._discard()
                return None
            state = TrainingState(**content["state"])
            read_variables(path, self._variables)
        except (VariableFileError, ValueError, LookupError, TypeError) as error:
            logging.warning("the backup in %s cannot be read and is discarded: %s", self.folder, error)
            self._discard()
            return None
        return state

    def save(self, state: TrainingState) -> None:
        """Save the model, its optimizer and `state`, and remove weights that are no longer the best."""
        latest = self._latest()
        number = 1 if latest is None else int(latest.rpartition("-")[2]) + 1
        prefix = os.path.join(self._latest_folder, f"{CHECKPOINT}-{number}")
        text = json.dumps({"key": self.key, "state": asdict(state)})
        write_variables(prefix, self._variables, **{TEXT: text})
        pointer = os.path.join(self._latest_folder, POINTER)
        with open(f"{pointer}.unfinished", "w") as file:
            file.write(os.path.basename(prefix))
        os.replace(f"{pointer}.unfinished", pointer)  # from now on the new state is the one that is restored
        best = None if state.best_epoch is None else self._best_prefix(state.best_epoch)
        self._remove_all_but(prefix, best)
        if self._mirror is not None:
            self._mirror.upload()

    def save_best(self, epoch: int) -> None:
        """Save the weights of `epoch`; earlier ones stay until `save` records that these are the best."""
        write_variables(self._best_prefix(epoch), self._weights)

    def restore_best(self, epoch: int, model: keras.Model) -> None:
        """Restore the weights that `save_best` saved for `epoch` into a model that has the same weights.

        Args:
            epoch: The epoch.
            model: The model, built.

        Raises:
            VariableFileError: If they are not there or are those of another model.
        """
        read_variables(self._best_prefix(epoch), _by_name("weights", model.weights))

    @property
    def _latest_folder(self) -> str:
        return os.path.join(self._local, LATEST)

    def _latest(self) -> str | None:
        """Return the path of the latest checkpoint without a suffix; None if there is none."""
        try:
            with open(os.path.join(self._latest_folder, POINTER)) as file:
                return os.path.join(self._latest_folder, file.read())
        except FileNotFoundError:
            return None

    def _best_prefix(self, epoch: int) -> str:
        return os.path.join(self._local, f"{BEST}-{epoch}")

    def _remove_all_but(self, latest: str, best: str | None) -> None:
        """Remove the files of all other checkpoints, complete or not."""
        kept = {*variable_files(latest), *(() if best is None else variable_files(best))}
        kept |= {os.path.join(self._latest_folder, POINTER), self._latest_folder}
        for folder in (self._latest_folder, self._local):
            for entry in list(os.scandir(folder)):
                if entry.path in kept:
                    continue
                shutil.rmtree(entry.path) if entry.is_dir() else os.remove(entry.path)

    def _discard(self) -> None:
        """Remove the backup and its copy."""
        for folder in {self.folder, self._local}:
            discard(folder)


def _by_name(group: str, variables: Sequence[keras.Variable]) -> dict[str, tf.Variable]:
    """Return TensorFlow's variables by the group and their position in it."""
    return {f"{group}/{index}": variable.value for index, variable in enumerate(variables)}


def discard(folder: str) -> None:
    """Remove the backup in `folder`, if there is one. Where it cannot be removed, it stays, after a warning."""
    try:
        storage.remove_folder(folder)
    except storage.StorageError as error:
        logging.warning("the backup in %s cannot be removed and stays: %s", folder, error)


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
