"""Training saves itself here, so that it can go on where it was killed."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, field
from typing import Any

import keras
import tensorflow as tf

LATEST, BEST = "latest", "best"


@dataclass
class TrainingState:
    """Where a training stands.

    `epoch` is the one to go on with, from 0, of which `step` steps are done. `history` has one entry a finished
    epoch. `best_epoch` and `best_value` belong to the measure of early stopping.
    """

    epoch: int = 0
    step: int = 0
    best_epoch: int | None = None
    best_value: float | None = None
    history: list[dict[str, Any]] = field(default_factory=list)


class Backup:
    """The latest state of a training and its best weights, in a folder that a second attempt finds again.

    Everything that decides how training goes on is kept: weights, optimizer, random seeds, metrics, `TrainingState`.
    Both are TensorFlow checkpoints, so that the folder may be on any file system that TensorFlow writes to; state and
    weights are one checkpoint, so that a kill while saving leaves the one before whole.

    Args:
        folder: nothing else may be kept in it.
        key: what is being trained; a backup under another key is discarded, not continued.
        model: built, with its optimizer built.
    """

    def __init__(self, folder: str, key: str, model: keras.Model) -> None:
        self.folder = folder
        self.key = key
        self._model = model
        optimizer = [variable.value for variable in model.optimizer.variables]
        # The text is kept as a variable, because only variables are in a checkpoint.
        self._text = tf.Variable("", dtype=tf.string, trainable=False)
        self._latest = tf.train.Checkpoint(
            text=self._text,
            model=[variable.value for variable in model.variables],
            metrics=[variable.value for variable in model.metrics_variables],
            optimizer=optimizer,
        )
        self._manager = tf.train.CheckpointManager(self._latest, tf.io.gfile.join(folder, LATEST), max_to_keep=1)
        self._best = tf.train.Checkpoint(weights=[variable.value for variable in model.weights])

    def restore(self) -> TrainingState | None:
        """Puts the latest saved state back; None where there is none that can be continued."""
        path = self._manager.latest_checkpoint
        if path is None:
            return None
        # An error half way leaves some variables restored, and training should then begin as if there were no backup.
        variables = tf.nest.flatten([self._latest.model, self._latest.metrics, self._latest.optimizer])
        before = [variable.numpy() for variable in variables]
        try:
            saved = tf.train.load_checkpoint(path).get_tensor("text/.ATTRIBUTES/VARIABLE_VALUE")
            content = json.loads(saved.decode())
            if content["key"] != self.key:
                logging.warning("the backup in %s is of another training and is discarded", self.folder)
                discard(self.folder)
                return None
            self._latest.restore(path).assert_existing_objects_matched()
        except (tf.errors.OpError, ValueError, AssertionError, LookupError, RuntimeError) as error:
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)
            logging.warning("the backup in %s cannot be read and is discarded: %s", self.folder, error)
            discard(self.folder)
            return None
        return TrainingState(**content["state"])

    def save(self, state: TrainingState) -> None:
        self._text.assign(json.dumps({"key": self.key, "state": asdict(state)}))
        self._manager.save()
        for name in self._best_files():
            if state.best_epoch is None or not name.startswith(f"{_best_name(state.best_epoch)}."):
                tf.io.gfile.remove(tf.io.gfile.join(self.folder, name))

    def save_best(self, epoch: int) -> None:
        """Keeps the weights of `epoch`; those before are kept too until a `save` says that these are the best."""
        self._best.write(tf.io.gfile.join(self.folder, _best_name(epoch)))

    def restore_best(self, epoch: int) -> None:
        self._best.read(tf.io.gfile.join(self.folder, _best_name(epoch))).assert_existing_objects_matched()

    def _best_files(self) -> list[str]:
        return [name for name in tf.io.gfile.listdir(self.folder) if name.startswith(f"{BEST}-")]


def discard(folder: str) -> None:
    """Removes a backup that is no longer needed, where there is one."""
    if tf.io.gfile.exists(folder):
        tf.io.gfile.rmtree(folder)


def _best_name(epoch: int) -> str:
    return f"{BEST}-{epoch}"


class BackupEverySteps(keras.callbacks.Callback):
    """Saves `state` every `steps` steps of an epoch that began at `state.step`.

    Args:
        backup: where to.
        state: brought up to date with each save.
        steps: between two saves; with several steps per execution, the next end of an execution.
        steps_per_epoch: the epoch's last step is left to whoever ends the epoch.
        metrics: values of the model's metrics to begin the epoch with, where it was interrupted.
    """

    def __init__(
        self, backup: Backup, state: TrainingState, steps: int, steps_per_epoch: int, metrics: list[Any] | None
    ) -> None:
        super().__init__()
        self._backup = backup
        self._state = state
        self._steps = steps
        self._steps_per_epoch = steps_per_epoch
        self._metrics = metrics
        self._first = state.step

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        for variable, value in zip(self.model.metrics_variables, self._metrics or [], strict=False):
            variable.assign(value)  # `fit` has just reset them

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        done = self._first + batch + 1
        if done - self._state.step >= self._steps and done < self._steps_per_epoch:
            self._state.step = done
            self._backup.save(self._state)
