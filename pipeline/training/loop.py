"""The training itself: epochs, validation, early stopping, backup; knows neither TFX nor files of logs."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import keras
import tensorflow as tf

from interestflow.models.optimizers import build_optimizer
from interestflow.models.table_sizes import table_sizes
from interestflow.models.training_config import EarlyStoppingConfig, TrainingConfig
from interestflow.pipeline.metrics.registry import is_better
from interestflow.pipeline.training.backup import Backup, BackupEverySteps, TrainingState
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.progress import TrainingProgress, console
from interestflow.pipeline.training.ranker import RankerTraining
from interestflow.pipeline.training.table_memory import over_budget, shown
from interestflow.pipeline.training.training_model import TrainingModel


class TrainingError(Exception):
    """A training that cannot go on; the message says why and what to change."""


@dataclass(frozen=True)
class TrainingResult:
    """`model` has the best epoch's weights, in float32 and outside any strategy, ready to be exported."""

    model: Any
    summary: dict[str, Any]


def strategy_for_this_machine() -> tf.distribute.Strategy:
    """All GPUs that are there, mirrored; the default strategy otherwise."""
    if tf.config.list_logical_devices("GPU"):
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def train(
    config: TrainingConfig,
    build: Callable[[], keras.Model],
    training: Split,
    validation: Split,
    *,
    around: Callable[[keras.Model], TrainingModel] = RankerTraining,
    name: str = "model",
    key: str = "",
    backup_folder: str | None = None,
    log_folder: str | None = None,
    strategy: tf.distribute.Strategy | None = None,
) -> TrainingResult:
    """Trains what `build` makes until its epochs are over or it no longer improves on `validation`.

    With the same seed, data and machine, two trainings end with the same weights, also when one of them was killed and
    begun again: order of the data, initial weights and dropout all follow from the seed.

    Args:
        config: the `training` section.
        build: makes the model, without or with its weights; called three times, at first with tables of one row, to see
            how large they will be.
        training: examples to train on.
        validation: examples to stop early by.
        around: puts loss and validation of the model's kind around it.
        name: shown while training.
        key: what is trained; a backup of another key is not continued.
        backup_folder: where training saves itself; the caller removes it once
            what was trained is safe. None: nowhere.
        log_folder: where TensorBoard finds `train` and `validation`; None: nowhere.
        strategy: instead of `strategy_for_this_machine()`.

    Raises:
        TrainingError: where the embedding tables exceed their budget, before any of them is made; where the loss is no
            longer a number, the batch cannot be split over the replicas, or the measure of early stopping is undefined
            on the validation split.
    """
    began = time.perf_counter()
    strategy = strategy or strategy_for_this_machine()
    replicas = strategy.num_replicas_in_sync
    if config.batch_size % replicas:
        expected = f"a multiple of the {replicas} devices, received {config.batch_size}"
        raise TrainingError(f"`training.batch_size` should be {expected}")
    # A last batch that is not full may leave a replica without examples; one replica alone trains on every example.
    drop_remainder = replicas > 1
    steps = training.steps(config.batch_size, drop_remainder)
    if steps == 0:
        expected = f"at most the {training.count} examples of the training split, received {config.batch_size}"
        raise TrainingError(f"`training.batch_size` should be {expected}")

    tables = table_sizes(build, config.optimizer)
    excess = over_budget(tables, config.optimizer.name, config.max_embedding_memory_mb)
    if tables:
        console().print(shown(name, tables, config.optimizer.name))
    if excess is not None:
        raise TrainingError(excess)

    keras.utils.set_random_seed(config.seed)
    with tempfile.TemporaryDirectory() as temporary, _precision(config.mixed_precision):
        with strategy.scope():
            model = around(build())
            for features, _, _ in validation.in_order(1).take(1):
                model(features, training=False)
            optimizer = build_optimizer(config.optimizer, config.xla)
            model.compile(optimizer=optimizer, jit_compile=config.xla, steps_per_execution=config.steps_per_execution)
            model.optimizer.build(model.trainable_variables)
        backup = Backup(backup_folder or temporary, f"{key} {training.count} {steps}", model)
        with strategy.scope():
            state = backup.restore()
        resumed_at = None if state is None else {"epoch": state.epoch + 1, "step": state.step}
        metrics = None if state is None else [variable.numpy() for variable in model.metrics_variables]
        state = state or TrainingState()
        writers = _writers(log_folder)
        with TrainingProgress(name, config.epochs, steps, config.batch_size, training.count) as progress:
            while state.epoch < config.epochs and not _has_stopped(state, config.early_stopping):
                callbacks: list[keras.callbacks.Callback] = [progress]
                if backup_folder is not None:
                    callbacks.append(BackupEverySteps(backup, state, config.checkpoint_steps, steps, metrics))
                progress.begin_at(state.step)
                if state.step == 0:
                    model.begin_epoch(state.epoch)
                _train_epoch(config, model, training, state, drop_remainder, callbacks)
                metrics = None
                loss = float(model.get_metrics_result()["loss"])
                if not math.isfinite(loss):
                    raise TrainingError(
                        f"the training loss is {loss} in epoch {state.epoch + 1}; "
                        "a lower `training.optimizer.learning_rate` or a `clip_norm` may help"
                    )
                model.end_epoch(state.epoch)
                found = model.validate(validation, config.batch_size, config.batch_by_length)
                _finish_epoch(config, state, model, loss, found, backup, progress, writers)
        if state.best_epoch is not None:
            with strategy.scope():
                backup.restore_best(state.best_epoch)
        weights = model.model.get_weights()

    # Built once more, because variables that are mirrored or computed with in half precision should not be exported.
    trained = build()
    for features, _, _ in validation.in_order(1).take(1):
        trained(features, training=False)
    trained.set_weights(weights)
    best = state.history[state.best_epoch if state.best_epoch is not None else -1] if state.history else {}
    seconds = progress.timed_seconds
    summary = {
        "epochs": state.epoch,
        "best_epoch": (state.best_epoch if state.best_epoch is not None else state.epoch - 1) + 1,
        "validation": best.get("validation", {}),
        "training_loss": best.get("training_loss"),
        "examples": training.count,
        "validation_examples": validation.count,
        "examples_in_memory": training.tensors is not None,
        "steps_per_epoch": steps,
        "examples_per_second": progress.timed_examples / seconds if seconds else None,
        "seconds": time.perf_counter() - began,
        "resumed_at": resumed_at,
        "replicas": replicas,
        "tables": [asdict(table) | {"weight_bytes": table.weight_bytes} for table in tables],
        "parameters": sum(int(math.prod(variable.shape)) for variable in trained.trainable_variables),
        "history": state.history,
        "training": config.model_dump(),
    }
    return TrainingResult(trained, summary)


def _train_epoch(
    config: TrainingConfig,
    model: TrainingModel,
    training: Split,
    state: TrainingState,
    drop_remainder: bool,
    callbacks: list[keras.callbacks.Callback],
) -> None:
    batches = training.epoch(
        config.batch_size,
        seed=config.seed,
        epoch=state.epoch,
        shuffle_buffer=config.shuffle_buffer,
        first_step=state.step,
        drop_remainder=drop_remainder,
        by_length=config.batch_by_length,
    )
    # One call of `fit` an epoch: each epoch has a data set of its own, in the order that its number gives.
    epoch = state.epoch
    model.fit(batches, initial_epoch=epoch, epochs=epoch + 1, callbacks=callbacks, verbose=0, shuffle=False)


def _finish_epoch(
    config: TrainingConfig,
    state: TrainingState,
    model: TrainingModel,
    loss: float,
    found: dict[str, float],
    backup: Backup,
    progress: TrainingProgress,
    writers: dict[str, Any],
) -> None:
    """Judges the epoch that ends, keeps its weights where they are the best, and moves `state` on to the next."""
    stopping = config.early_stopping
    if stopping is not None:
        metric = stopping.metric or model.FAMILY.stopping[0]
        value = found[metric]
        if math.isnan(value):
            raise TrainingError(
                f"`training.early_stopping.metric` {metric} is undefined on the validation split: "
                f"{model.VALIDATION_NEEDS}"
            )
        if state.best_value is None or is_better(metric, value, state.best_value):
            state.best_epoch, state.best_value = state.epoch, value
            backup.save_best(state.epoch)
    state.history.append({"epoch": state.epoch + 1, "training_loss": loss, "validation": found})
    family = model.FAMILY
    shown = {f"validation {family.headings[name]}": found[name] for name in family.shown_in_training}
    progress.epoch_done(state.epoch, {"loss": loss, **shown})
    for folder, figures in (("train", {"loss": loss}), ("validation", found)):
        if folder in writers:
            with writers[folder].as_default(step=state.epoch + 1):
                for name, value in figures.items():
                    tf.summary.scalar(name, value)
            writers[folder].flush()
    state.epoch, state.step = state.epoch + 1, 0
    backup.save(state)


def _has_stopped(state: TrainingState, stopping: EarlyStoppingConfig | None) -> bool:
    """Whether as many epochs as `patience` allows have passed since the best."""
    if stopping is None or state.best_epoch is None:
        return False
    return state.epoch - 1 - state.best_epoch >= stopping.patience


def _writers(folder: str | None) -> dict[str, Any]:
    if folder is None:
        return {}
    return {name: tf.summary.create_file_writer(tf.io.gfile.join(folder, name)) for name in ("train", "validation")}


@contextmanager
def _precision(mixed: bool) -> Any:
    """Half precision where `mixed`, as layers' policy while they are built; the policy before is put back.

    bfloat16 has float32's range and needs no loss scaling; GPUs before NVIDIA's Ampere (8.0) only have float16.
    """
    before = keras.config.dtype_policy()
    if mixed:
        details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
        older = any(detail.get("compute_capability", (8, 0)) < (8, 0) for detail in details)
        keras.config.set_dtype_policy("mixed_float16" if older else "mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
