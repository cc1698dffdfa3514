"""Epochs of a training: each is trained, validated, judged for early stopping and backed up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
import numpy as np

from interestflow.models.training_config import EarlyStoppingConfig, TrainingConfig
from interestflow.pipeline.metrics.registry import is_better
from interestflow.pipeline.training.backup import Backup, BackupEverySteps, TrainingState
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.progress import TrainingProgress
from interestflow.pipeline.training.tensorboard import TensorBoardLog
from interestflow.pipeline.training.training_model import TrainingModel


class TrainingError(Exception):
    """A training that cannot continue; the message says why and what to change."""


@dataclass(frozen=True)
class EpochPlan:
    """How an epoch is divided into steps.

    Attributes:
        replicas: Devices that share each batch.
        steps: Steps in an epoch.
        drop_remainder: Whether a last batch that is not full is left out. It may leave a replica without examples; one
            replica alone trains on every example.
    """

    replicas: int
    steps: int
    drop_remainder: bool

    @classmethod
    def build(cls, config: TrainingConfig, training: Split, replicas: int) -> EpochPlan:
        """Return the plan for `training` on `replicas` devices.

        Raises:
            TrainingError: If the batch cannot be split over the replicas, or the split holds no whole batch.
        """
        if config.batch_size % replicas:
            expected = f"a multiple of the {replicas} devices, received {config.batch_size}"
            raise TrainingError(f"`training.batch_size` should be {expected}")
        drop_remainder = replicas > 1
        steps = training.steps(config.batch_size, drop_remainder)
        if steps == 0:
            expected = f"at most the {training.count} examples of the training split, received {config.batch_size}"
            raise TrainingError(f"`training.batch_size` should be {expected}")
        return cls(replicas, steps, drop_remainder)


@dataclass
class EpochLoop:
    """Trains a model epoch by epoch until its epochs are over or it no longer improves.

    Attributes:
        config: Section `training` of the configuration.
        model: The model, compiled.
        training: Examples to train on.
        validation: Examples to stop early by.
        plan: Steps of an epoch.
        backup: Backup that is written after each epoch.
        backup_steps: Steps between backups within an epoch; None for no backups within epochs.
        log: Metrics for TensorBoard.
    """

    config: TrainingConfig
    model: TrainingModel
    training: Split
    validation: Split
    plan: EpochPlan
    backup: Backup
    backup_steps: int | None
    log: TensorBoardLog

    def run(self, state: TrainingState, progress: TrainingProgress, metrics: list[np.ndarray] | None) -> None:
        """Train from `state` on, and keep `state` up to date.

        Args:
            state: Epoch and step to continue at.
            progress: Shows the training.
            metrics: Values of the model's metrics at that step, where the training is resumed within an epoch.

        Raises:
            TrainingError: If the loss or the metric of early stopping becomes undefined.
        """
        while state.epoch < self.config.epochs and not has_stopped(state, self.config.early_stopping):
            loss = self._train_epoch(state, progress, metrics)
            metrics = None
            self.model.end_epoch(state.epoch)
            validation = self.model.validate(self.validation, self.config.batch_size, self.config.batch_by_length)
            self._keep_best(state, validation)
            self._finish_epoch(state, progress, loss, validation)

    def _train_epoch(self, state: TrainingState, progress: TrainingProgress, metrics: list[np.ndarray] | None) -> float:
        """Train the rest of the epoch at `state` and return its mean loss."""
        config, epoch = self.config, state.epoch
        callbacks: list[keras.callbacks.Callback] = [progress]
        if self.backup_steps is not None:
            callbacks.append(BackupEverySteps(self.backup, state, self.backup_steps, self.plan.steps, metrics))
        progress.begin_at(state.step)
        if state.step == 0:
            self.model.begin_epoch(epoch)
        batches = self.training.epoch(
            config.batch_size,
            seed=config.seed,
            epoch=epoch,
            shuffle_buffer=config.shuffle_buffer,
            first_step=state.step,
            drop_remainder=self.plan.drop_remainder,
            by_length=config.batch_by_length,
        )
        # One call of `fit` for each epoch, because each epoch has a data set of its own, in an order of its own.
        self.model.fit(batches, initial_epoch=epoch, epochs=epoch + 1, callbacks=callbacks, verbose=0, shuffle=False)
        loss = float(self.model.get_metrics_result()["loss"])
        if not math.isfinite(loss):
            raise TrainingError(
                f"the training loss is {loss} in epoch {epoch + 1}; "
                "a lower `training.optimizer.learning_rate` or a `clip_norm` may help"
            )
        return loss

    def _keep_best(self, state: TrainingState, validation: dict[str, float]) -> None:
        """Save the weights if the metric of early stopping is the best so far."""
        stopping = self.config.early_stopping
        if stopping is None:
            return
        metric = stopping.metric or self.model.FAMILY.stopping[0]
        value = validation[metric]
        if math.isnan(value):
            raise TrainingError(
                f"`training.early_stopping.metric` {metric} is undefined on the validation split: "
                f"{self.model.VALIDATION_NEEDS}"
            )
        if state.best_value is None or is_better(metric, value, state.best_value):
            state.best_epoch, state.best_value = state.epoch, value
            self.backup.save_best(state.epoch)

    def _finish_epoch(
        self, state: TrainingState, progress: TrainingProgress, loss: float, validation: dict[str, float]
    ) -> None:
        """Record and show the epoch, then move `state` to the next one and save it."""
        state.history.append({"epoch": state.epoch + 1, "training_loss": loss, "validation": validation})
        family = self.model.FAMILY
        shown = {f"validation {family.headings[name]}": validation[name] for name in family.shown_in_training}
        progress.finish_epoch(state.epoch, {"loss": loss, **shown})
        self.log.write("train", state.epoch + 1, {"loss": loss})
        self.log.write("validation", state.epoch + 1, validation)
        state.epoch, state.step = state.epoch + 1, 0
        self.backup.save(state)


def has_stopped(state: TrainingState, stopping: EarlyStoppingConfig | None) -> bool:
    """Return whether as many epochs as `patience` allows have passed since the best."""
    if stopping is None or state.best_epoch is None:
        return False
    return state.epoch - 1 - state.best_epoch >= stopping.patience
