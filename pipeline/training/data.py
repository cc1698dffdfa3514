"""From transformed TFRecord files to batches: read once into memory where it fits, streamed where it does not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from interestflow.models.inputs import ModelInputs
from interestflow.transforms import feature_names

PARSING_BATCH = 4096
INTERLEAVED_FILES = 16
BATCHES_A_WINDOW = 32
LENGTHS = 8
"""Histories are cut at one of so many lengths, so that what is compiled for each shape is compiled a few times."""


class TrainingDataError(Exception):
    """Examples that cannot be trained on; the message says which and why."""


def parsing_spec(inputs: ModelInputs) -> dict[str, tf.io.FixedLenFeature]:
    """What `tf.io.parse_example` needs to read transformed examples, labels and masks included."""
    tensors = inputs.tensors() | inputs.training_tensors()
    spec = {name: tf.io.FixedLenFeature(shape, dtype) for name, (shape, dtype) in tensors.items()}
    for task in inputs.tasks:
        spec[feature_names.label(task)] = tf.io.FixedLenFeature([], tf.float32)
    for task in inputs.masked_tasks:
        spec[feature_names.mask(task)] = tf.io.FixedLenFeature([], tf.float32)
    return spec


def matching_files(patterns: Sequence[str]) -> list[str]:
    """The files that match, sorted, so that their order never depends on the file system.

    Raises:
        TrainingDataError: where there are none.
    """
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    if not files:
        raise TrainingDataError(f"no file of examples matches {', '.join(patterns)}")
    return files


@dataclass(frozen=True)
class Split:
    """The examples of one split.

    `tensors` holds all of them, `[count, ...]` by name, ids as int32 to halve the memory; None where they would not
    fit, and every epoch reads the files again. Where `positives_of` names a task, `left_out` examples that are no
    positives of it are not among them.
    """

    files: tuple[str, ...]
    inputs: ModelInputs
    count: int
    tensors: Mapping[str, tf.Tensor] | None
    positives_of: str | None = None
    left_out: int = 0

    @classmethod
    def read(
        cls, patterns: Sequence[str], inputs: ModelInputs, cache_limit_mb: int, positives_of: str | None = None
    ) -> Split:
        """Counts the examples in the files that match and keeps them where they take at most `cache_limit_mb`.

        Raises:
            TrainingDataError: where there is no file or no example.
        """
        files = matching_files(patterns)
        limit, taken, count, read = cache_limit_mb * 2**20, 0, 0, 0
        chunks: list[dict[str, np.ndarray]] | None = []
        records = records_of(files).batch(PARSING_BATCH)
        spec = parsing_spec(inputs)
        for tensors in records.map(lambda batch: _narrow(tf.io.parse_example(batch, spec)), tf.data.AUTOTUNE):
            chunk = {name: tensor.numpy() for name, tensor in tensors.items()}
            read += len(chunk[feature_names.ITEM])
            if positives_of is not None:
                kept = _is_positive(chunk, inputs, positives_of)
                chunk = {name: array[kept] for name, array in chunk.items()}
            count += len(chunk[feature_names.ITEM])
            taken += sum(array.nbytes for array in chunk.values())
            if taken > limit:
                chunks = None
                break
            assert chunks is not None
            chunks.append(chunk)
        if chunks is None:  # the rest is only counted, which needs no parsing
            read = sum(int(batch.shape[0]) for batch in records)
            count = read
            if positives_of is not None:
                wanted = _positives(records_of(files), inputs, positives_of).batch(PARSING_BATCH)
                count = sum(int(batch.shape[0]) for batch in wanted)
            return cls(tuple(files), inputs, count, None, positives_of, read - count)
        if count == 0:
            what = "examples" if positives_of is None else f"positives of {positives_of} among their {read:,} examples"
            raise TrainingDataError(f"the files that match {', '.join(patterns)} hold no {what}")
        with tf.device("CPU"):
            whole = {name: tf.constant(np.concatenate([chunk.pop(name) for chunk in chunks])) for name in spec}
        return cls(tuple(files), inputs, count, whole, positives_of, read - count)

    def steps(self, batch_size: int, drop_remainder: bool = False) -> int:
        """Batches an epoch."""
        return self.count // batch_size if drop_remainder else math.ceil(self.count / batch_size)

    def epoch(
        self,
        batch_size: int,
        *,
        seed: int,
        epoch: int,
        shuffle_buffer: int,
        first_step: int = 0,
        drop_remainder: bool = False,
        by_length: bool = False,
    ) -> tf.data.Dataset:
        """One epoch of batches in an order that `seed` and `epoch` alone decide.

        Args:
            batch_size: examples a (global) batch.
            seed: of the whole training.
            epoch: counted from 0; each has its own order.
            shuffle_buffer: records held back to shuffle; examples in memory are shuffled as a whole.
            first_step: batches left out at the beginning, to go on where a training was stopped.
            drop_remainder: leave out a last batch that is not full.
            by_length: make batches of histories of about the same length and leave out the padding that they share;
                of examples in memory alone. Every example comes once all the same: as many as fill `BATCHES_A_WINDOW`
                batches are sorted by length at a time, and the batches made of them come in an order of chance.

        Returns:
            A dataset of `(features, labels, weights)`: features by name as in `ModelInputs.tensors` and
            `training_tensors`, labels and weights (0 where the task has no label) by task, float32 `[batch_size]`.
        """
        start = first_step * batch_size
        if self.tensors is not None:
            random = np.random.default_rng([seed, epoch])
            order = random.permutation(self.count)
            if by_length:
                order = batched_by_length(order, self.history_lengths[order], batch_size, random)
            dataset = self._gathered(order[start:], batch_size, drop_remainder, by_length)
        else:
            random = np.random.default_rng([seed, epoch])
            files = [str(file) for file in random.permutation(np.array(self.files))]
            # Shuffled as serialized records: they are small, and each batch is then parsed by one call.
            records = self._wanted(files).shuffle(shuffle_buffer, seed=int(random.integers(2**31)))
            dataset = self._parsed(records.skip(start).batch(batch_size, drop_remainder))
        remaining = self.steps(batch_size, drop_remainder) - first_step
        return self._finished(dataset.apply(tf.data.experimental.assert_cardinality(remaining)))

    def in_order(self, batch_size: int, by_length: bool = False) -> tf.data.Dataset:
        """All examples once, in the order of the files, or of the lengths of their histories; elements as of `epoch`.

        `by_length` is of examples in memory alone, as in `epoch`.
        """
        if self.tensors is not None:
            order = np.argsort(self.history_lengths, kind="stable") if by_length else np.arange(self.count)
            dataset = self._gathered(order, batch_size, False, by_length)
        else:
            dataset = self._parsed(self._wanted(self.files).batch(batch_size))
        return self._finished(dataset.apply(tf.data.experimental.assert_cardinality(self.steps(batch_size))))

    def _wanted(self, files: Sequence[str]) -> tf.data.Dataset:
        records = records_of(files)
        return records if self.positives_of is None else _positives(records, self.inputs, self.positives_of)

    @cached_property
    def history_lengths(self) -> np.ndarray:
        """Behaviours in each example's history, `[count]`; of examples in memory."""
        assert self.tensors is not None
        return np.count_nonzero(self.tensors[feature_names.HISTORY_ITEM].numpy(), axis=1)

    def _gathered(self, order: np.ndarray, batch_size: int, drop_remainder: bool, by_length: bool) -> tf.data.Dataset:
        """The examples at the places in `order`, of those in memory, batched."""
        batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder)
        return batches.map(lambda rows: self._gather(rows, by_length), tf.data.AUTOTUNE)

    def _gather(self, rows: tf.Tensor, without_shared_padding: bool) -> Any:
        assert self.tensors is not None
        tensors = {name: _wide(tf.gather(tensor, rows)) for name, tensor in self.tensors.items()}
        if without_shared_padding:
            length = self.inputs.history_length
            longest = tf.reduce_max(tf.math.count_nonzero(tensors[feature_names.HISTORY_ITEM], axis=1))
            step = math.ceil(length / LENGTHS)
            cut = tf.clip_by_value(-(-longest // step) * step, step, length)
            tensors |= {name: tensors[name][:, :cut] for name in self.inputs.history_tensors()}
        return self._arranged(tensors)

    def _parsed(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        spec = parsing_spec(self.inputs)
        return batches.map(lambda batch: self._arranged(tf.io.parse_example(batch, spec)), tf.data.AUTOTUNE)

    def _arranged(self, tensors: dict[str, tf.Tensor]) -> Any:
        features = {name: tensors[name] for name in self.inputs.tensors() | self.inputs.training_tensors()}
        labels = {task: tensors[feature_names.label(task)] for task in self.inputs.tasks}
        weights = {
            task: tensors[feature_names.mask(task)] if task in self.inputs.masked_tasks else tf.ones_like(labels[task])
            for task in self.inputs.tasks
        }
        return features, labels, weights

    @staticmethod
    def _finished(dataset: tf.data.Dataset) -> tf.data.Dataset:
        options = tf.data.Options()
        options.deterministic = True
        # Its tuner sleeps twice as long each time (10 ms, 20 ms, ...) and an epoch ends only when it wakes: up to twice
        # as late. Reading is as fast without.
        options.autotune.enabled = False
        # One machine: every replica gets its share of each batch, and no file is left to another worker.
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)


def batched_by_length(
    order: np.ndarray, lengths: np.ndarray, batch_size: int, random: np.random.Generator
) -> np.ndarray:
    """`order` anew, so that each `batch_size` of it have histories of about the same length.

    Args:
        order: places of examples, by chance, `[count]`.
        lengths: of their histories, `[count]`.
        batch_size: examples a batch.
        random: decides the order of the batches within their window.

    Returns:
        The same places. Those of a last batch that is not full stay the last, as they are.
    """
    full = len(order) // batch_size * batch_size
    parts = []
    for begin in range(0, full, BATCHES_A_WINDOW * batch_size):
        window = slice(begin, min(begin + BATCHES_A_WINDOW * batch_size, full))
        batches = order[window][np.argsort(lengths[window], kind="stable")].reshape(-1, batch_size)
        parts.append(random.permutation(batches).ravel())
    return np.concatenate([*parts, order[full:]])


def records_of(files: Sequence[str]) -> tf.data.Dataset:
    """Serialized examples, several files at a time, in an order that does not depend on which is read fastest."""
    packed = {file.endswith(".gz") for file in files}
    if len(packed) > 1:
        raise TrainingDataError(f"files of examples should all be compressed or none, received {', '.join(files)}")
    compression = "GZIP" if packed.pop() else ""
    return tf.data.Dataset.from_tensor_slices(list(files)).interleave(
        lambda file: tf.data.TFRecordDataset(file, compression_type=compression, buffer_size=2**20),
        cycle_length=min(INTERLEAVED_FILES, len(files)),
        block_length=64,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )


def _is_positive(tensors: Mapping[str, Any], inputs: ModelInputs, task: str) -> Any:
    """bool [N]: whether the label of `task` is 1, and known, in labels and masks of NumPy or TensorFlow."""
    positive = tensors[feature_names.label(task)] > 0.5
    return positive & (tensors[feature_names.mask(task)] > 0.5) if task in inputs.masked_tasks else positive


def _positives(records: tf.data.Dataset, inputs: ModelInputs, task: str) -> tf.data.Dataset:
    """Those of the serialized examples that are positives of `task`."""
    names = [feature_names.label(task), *([feature_names.mask(task)] if task in inputs.masked_tasks else [])]
    spec = {name: tf.io.FixedLenFeature([], tf.float32) for name in names}

    def kept(batch: tf.Tensor) -> tf.Tensor:
        return tf.boolean_mask(batch, _is_positive(tf.io.parse_example(batch, spec), inputs, task))

    return records.batch(PARSING_BATCH).map(kept, tf.data.AUTOTUNE).unbatch()


def _narrow(tensors: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {name: tf.cast(t, tf.int32) if t.dtype == tf.int64 else t for name, t in tensors.items()}


def _wide(tensor: tf.Tensor) -> tf.Tensor:
    return tf.cast(tensor, tf.int64) if tensor.dtype == tf.int32 else tensor
