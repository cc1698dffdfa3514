"""The training of one model: build, resume, train, and rebuild for export. It knows neither TFX nor files of logs."""

from __future__ import annotations

import gc
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras
import tensorflow as tf

from interestflow.models.layers.embedding.declared_tables import empty_tables
from interestflow.models.native.allocator import keep_freed_memory
from interestflow.models.native.library import enable_native_kernels
from interestflow.models.optimizers import build_optimizer
from interestflow.models.table_sizes import TableSize, table_sizes
from interestflow.models.training_config import TrainingConfig
from interestflow.pipeline.training.backup import Backup, TrainingState
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.devices import default_strategy, describe_devices
from interestflow.pipeline.training.epochs import EpochLoop, EpochPlan, TrainingError
from interestflow.pipeline.training.precision import mixed_precision
from interestflow.pipeline.training.progress import TrainingProgress, console
from interestflow.pipeline.training.ranker import RankerTraining
from interestflow.pipeline.training.table_memory import excess_memory, memory_table
from interestflow.pipeline.training.tensorboard import TensorBoardLog
from interestflow.pipeline.training.training_model import TrainingModel


@dataclass(frozen=True)
class TrainingResult:
    """A trained model and how it was trained.

    Attributes:
        model: The model with the weights of the best epoch, in float32 and outside any strategy, ready to be exported.
        summary: What was trained, on what, and with which metrics; values that JSON can hold.
    """

    model: keras.Model
    summary: dict[str, Any]


def train(
    config: TrainingConfig,
    build: Callable[[], keras.Model],
    training: Split,
    validation: Split,
    *,
    wrap: Callable[[keras.Model], TrainingModel] = RankerTraining,
    name: str = "model",
    key: str = "",
    backup_folder: str | None = None,
    log_folder: str | None = None,
    strategy: tf.distribute.Strategy | None = None,
) -> TrainingResult:
    """Train the model that `build` returns until its epochs are over or it no longer improves on `validation`.

    With the same seed, data and machine, two trainings end with the same weights, also when one of them was killed and
    started again: the order of the data, initial weights and dropout all follow from the seed.

    Args:
        config: Section `training` of the configuration.
        build: Returns the model; called three times, at first with tables of one row, to learn their full sizes.
        training: Examples to train on.
        validation: Examples to stop early by.
        wrap: Wraps the model with the loss and the validation of its family.
        name: Name shown while training.
        key: Key of what is trained; a backup with another key is not resumed.
        backup_folder: Folder of backups, which the caller removes once the result is safe; None for no backups.
        log_folder: Folder where TensorBoard finds `train` and `validation`; None to write no logs.
        strategy: Distribution strategy; `default_strategy()` if None.

    Raises:
        TrainingError: If the embedding tables exceed their budget, before any is built; if the loss is no number, the
            batch cannot be split over the replicas, or validation leaves the metric of early stopping undefined.
    """
    began = time.perf_counter()
    strategy = strategy or default_strategy()
    console().print(f"{name}: {describe_devices(strategy)}", highlight=False, soft_wrap=True)
    plan = EpochPlan.build(config, training, strategy.num_replicas_in_sync)
    tables = _check_table_memory(config, build, name)
    keras.utils.set_random_seed(config.seed)
    with tempfile.TemporaryDirectory() as temporary:
        with mixed_precision(config.mixed_precision):
            with strategy.scope():
                model = _compile(config, wrap(build()), validation)
            backup = Backup(backup_folder or temporary, f"{key} {training.count} {plan.steps}", model)
            backup_steps = None if backup_folder is None else config.checkpoint_steps
            loop = EpochLoop(
                config, model, training, validation, plan, backup, backup_steps, TensorBoardLog(log_folder)
            )
            with TrainingProgress(name, config.epochs, plan.steps, config.batch_size, training.count) as progress:
                state, resumed_at = _run(loop, progress, strategy)
        speed = progress.timed_examples / progress.timed_seconds if progress.timed_seconds else None
        # The tables and their slots are freed before the tables of the model to export take memory.
        backup.release()
        del model, loop, progress
        gc.collect()  # Keras's models refer to themselves
        trained = _rebuild(build, backup, _best_epoch(state), validation)
    summary = {
        **_outcome(state),
        **_setting(config, training, validation, plan),
        **_size(trained, tables),
        "examples_per_second": speed,
        "seconds": time.perf_counter() - began,
        "resumed_at": resumed_at,
    }
    return TrainingResult(trained, summary)


def _run(
    loop: EpochLoop, progress: TrainingProgress, strategy: tf.distribute.Strategy
) -> tuple[TrainingState, dict[str, int] | None]:
    """Train from the backup on, where there is one, until the weights of the best epoch are on disk.

    Returns:
        The final state, and the epoch and step at which the training was resumed; None if it was not.
    """
    with strategy.scope():
        state = loop.backup.restore()
    resumed_at, metrics = None, None
    if state is None:
        state = TrainingState()
    else:
        resumed_at = {"epoch": state.epoch + 1, "step": state.step}
        metrics = [variable.numpy() for variable in loop.model.metrics_variables]
    loop.run(state, progress, metrics)
    if state.best_epoch is None:
        loop.backup.save_best(_best_epoch(state))
    return state, resumed_at


def _check_table_memory(config: TrainingConfig, build: Callable[[], keras.Model], name: str) -> Sequence[TableSize]:
    """Return the sizes of the embedding tables after showing them.

    Raises:
        TrainingError: If they exceed `training.max_embedding_memory_mb`.
    """
    tables = table_sizes(build, config.optimizer)
    excess = excess_memory(tables, config.optimizer.name, config.max_embedding_memory_mb)
    if tables:
        console().print(memory_table(name, tables, config.optimizer.name))
    if excess is not None:
        raise TrainingError(excess)
    return tables


def _compile(config: TrainingConfig, model: TrainingModel, validation: Split) -> TrainingModel:
    """Build the weights and the optimizer of `model` and return it."""
    keep_freed_memory()
    enable_native_kernels(config.native_kernels)
    _build_weights(model, validation)
    optimizer = build_optimizer(config.optimizer, config.xla)
    model.compile(optimizer=optimizer, jit_compile=config.xla, steps_per_execution=config.steps_per_execution)
    model.optimizer.build(model.trainable_variables)
    return model


def _rebuild(build: Callable[[], keras.Model], backup: Backup, epoch: int, validation: Split) -> keras.Model:
    """Return a new model with the weights of `epoch`: mirrored or half-precision variables should not be exported."""
    with empty_tables():
        model = build()
        _build_weights(model, validation)
    backup.restore_best(epoch, model)
    return model


def _build_weights(model: keras.Model, validation: Split) -> None:
    """Call `model` on one example, which builds its weights."""
    for features, _, _ in validation.in_order(1).take(1):
        model(features, training=False)


def _best_epoch(state: TrainingState) -> int:
    """Return the best epoch, counted from 0: the last one where there is no early stopping."""
    return state.epoch - 1 if state.best_epoch is None else state.best_epoch


def _outcome(state: TrainingState) -> dict[str, Any]:
    """Return epochs and metrics of a finished training for its summary."""
    best_epoch = _best_epoch(state)
    best = state.history[-1 if state.best_epoch is None else state.best_epoch] if state.history else {}
    return {
        "epochs": state.epoch,
        "best_epoch": best_epoch + 1,
        "validation": best.get("validation", {}),
        "training_loss": best.get("training_loss"),
        "history": state.history,
    }


def _setting(config: TrainingConfig, training: Split, validation: Split, plan: EpochPlan) -> dict[str, Any]:
    """Return how and on what a model was trained for the summary of its training."""
    return {
        "examples": training.count,
        "validation_examples": validation.count,
        "examples_in_memory": training.is_cached,
        "steps_per_epoch": plan.steps,
        "replicas": plan.replicas,
        "training": config.model_dump(),
    }


def _size(model: keras.Model, tables: Sequence[TableSize]) -> dict[str, Any]:
    """Return the sizes of a model for the summary of its training."""
    return {
        "tables": [asdict(table) | {"weight_bytes": table.weight_bytes} for table in tables],
        "parameters": sum(int(math.prod(variable.shape)) for variable in model.trainable_variables),
    }
