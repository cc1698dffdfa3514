"""Splits of transformed examples as batches: kept in memory where they fit, streamed from files where they do not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from interestflow.models.inputs import ModelInputs
from interestflow.pipeline.training.batching import group_by_length
from interestflow.pipeline.training.records import (
    PARSING_BATCH,
    TrainingDataError,
    filter_positives,
    is_positive,
    matching_files,
    narrow,
    parsing_spec,
    read_records,
    widen,
)
from interestflow.transforms import feature_names

HISTORY_CUTS = 8
"""Number of lengths that histories are cut to, so that few shapes have to be compiled."""
Batch = tuple[dict[str, tf.Tensor], dict[str, tf.Tensor], dict[str, tf.Tensor]]
"""Features by name; labels and weights by task, see `Split.epoch`."""


@dataclass(frozen=True)
class Split:
    """Examples of one split.

    Attributes:
        files: Files of the examples.
        inputs: Inputs of the model.
        count: Number of examples.
        tensors: All examples, `[count, ...]` by name, with ids as int32 to halve the memory; None where they would not
            fit, and every epoch reads the files again.
        positives_of: Task whose positives are the split's only examples; None for all examples.
        left_out: Number of examples in the files that are no positives of that task.
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
        """Count the examples in the files that match and keep them if they take at most `cache_limit_mb`.

        Args:
            patterns: Patterns of the files.
            inputs: Inputs of the model.
            cache_limit_mb: Memory that the examples may take, in MB of 2^20 bytes.
            positives_of: Task to keep positives of; None for all examples.

        Raises:
            TrainingDataError: If there is no file or no example.
        """
        files = matching_files(patterns)
        limit, size, count, total = cache_limit_mb * 2**20, 0, 0, 0
        chunks: list[dict[str, np.ndarray]] = []
        for chunk, read in _parsed_chunks(files, inputs, positives_of):
            total += read
            count += len(chunk[feature_names.ITEM])
            size += sum(array.nbytes for array in chunk.values())
            if size > limit:
                chunks.clear()
                return cls._streamed(files, inputs, positives_of)
            chunks.append(chunk)
        if count == 0:
            description = (
                "examples" if positives_of is None else f"positives of {positives_of} among their {total:,} examples"
            )
            raise TrainingDataError(f"the files that match {', '.join(patterns)} hold no {description}")
        with tf.device("CPU"):
            tensors = {
                name: tf.constant(np.concatenate([chunk.pop(name) for chunk in chunks]))
                for name in parsing_spec(inputs)
            }
        return cls(tuple(files), inputs, count, tensors, positives_of, total - count)

    @classmethod
    def _streamed(cls, files: Sequence[str], inputs: ModelInputs, positives_of: str | None) -> Split:
        """Return a split that is not kept in memory; its records are counted without parsing all of them."""
        total = count = _count(read_records(files))
        if positives_of is not None:
            count = _count(filter_positives(read_records(files), inputs, positives_of))
        return cls(tuple(files), inputs, count, None, positives_of, total - count)

    def steps(self, batch_size: int, drop_remainder: bool = False) -> int:
        """Return the number of batches in an epoch."""
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
        """Return one epoch of batches in an order that depends only on `seed` and `epoch`.

        Args:
            batch_size: Examples in a (global) batch.
            seed: Seed of the whole training.
            epoch: Epoch, counted from 0; each has its own order.
            shuffle_buffer: Records held back for shuffling; examples in memory are shuffled as a whole.
            first_step: Batches left out at the beginning, to continue an interrupted epoch.
            drop_remainder: Whether to leave out a last batch that is not full.
            by_length: Whether batches are of histories of similar length, without the padding that they share, see
                `group_by_length`; for examples in memory alone. Every example still comes once.

        Returns:
            A dataset of `(features, labels, weights)`: features by name as in `ModelInputs.tensors` and
            `training_tensors`; labels and weights (0 where the task has no label) by task, float32 `[batch_size]`.
        """
        start = first_step * batch_size
        random = np.random.default_rng([seed, epoch])
        if self.tensors is not None:
            order = random.permutation(self.count)
            if by_length:
                order = group_by_length(order, self.history_lengths[order], batch_size, random)
            dataset = self._batches_in_memory(order[start:], batch_size, drop_remainder, by_length)
        else:
            files = [str(file) for file in random.permutation(np.array(self.files))]
            # Serialized records are shuffled: they are small, and one call then parses each batch.
            records = self._selected_records(files).shuffle(shuffle_buffer, seed=int(random.integers(2**31)))
            dataset = self._parse(records.skip(start).batch(batch_size, drop_remainder))
        remaining = self.steps(batch_size, drop_remainder) - first_step
        return _with_options(dataset.apply(tf.data.experimental.assert_cardinality(remaining)))

    def in_order(self, batch_size: int, by_length: bool = False) -> tf.data.Dataset:
        """Return all examples once, in the order of the files; elements as of `epoch`.

        Args:
            batch_size: Examples in a batch.
            by_length: Whether to sort examples by the length of their histories and to leave out the padding that a
                batch shares; for examples in memory alone.
        """
        if self.tensors is not None:
            order = np.argsort(self.history_lengths, kind="stable") if by_length else np.arange(self.count)
            dataset = self._batches_in_memory(order, batch_size, False, by_length)
        else:
            dataset = self._parse(self._selected_records(self.files).batch(batch_size))
        return _with_options(dataset.apply(tf.data.experimental.assert_cardinality(self.steps(batch_size))))

    @cached_property
    def history_lengths(self) -> np.ndarray:
        """Number of behaviours in each example's history, `[count]`; available only for examples in memory."""
        assert self.tensors is not None
        return np.count_nonzero(self.tensors[feature_names.HISTORY_ITEM].numpy(), axis=1)

    def _selected_records(self, files: Sequence[str]) -> tf.data.Dataset:
        """Return the serialized examples of the split."""
        records = read_records(files)
        return records if self.positives_of is None else filter_positives(records, self.inputs, self.positives_of)

    def _batches_in_memory(
        self, order: np.ndarray, batch_size: int, drop_remainder: bool, by_length: bool
    ) -> tf.data.Dataset:
        """Return batches of the examples in memory at the row indices in `order`."""
        batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder)
        return batches.map(lambda rows: self._gather(rows, by_length), tf.data.AUTOTUNE)

    def _gather(self, rows: tf.Tensor, cut_histories: bool) -> Batch:
        """Return the examples at `rows`, with histories cut to the length that the batch needs if `cut_histories`."""
        assert self.tensors is not None
        tensors = {name: widen(tf.gather(tensor, rows)) for name, tensor in self.tensors.items()}
        if cut_histories:
            length = self.inputs.history_length
            longest = tf.reduce_max(tf.math.count_nonzero(tensors[feature_names.HISTORY_ITEM], axis=1))
            step = math.ceil(length / HISTORY_CUTS)
            cut = tf.clip_by_value(-(-longest // step) * step, step, length)
            tensors |= {name: tensors[name][:, :cut] for name in self.inputs.history_tensors()}
        return self._arrange(tensors)

    def _parse(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Return batches of serialized examples parsed."""
        spec = parsing_spec(self.inputs)
        return batches.map(lambda batch: self._arrange(tf.io.parse_example(batch, spec)), tf.data.AUTOTUNE)

    def _arrange(self, tensors: Mapping[str, tf.Tensor]) -> Batch:
        """Return parsed examples as features, labels and weights."""
        features = {name: tensors[name] for name in self.inputs.tensors() | self.inputs.training_tensors()}
        labels = {task: tensors[feature_names.label(task)] for task in self.inputs.tasks}
        weights = {
            task: tensors[feature_names.mask(task)] if task in self.inputs.masked_tasks else tf.ones_like(labels[task])
            for task in self.inputs.tasks
        }
        return features, labels, weights


def _parsed_chunks(
    files: Sequence[str], inputs: ModelInputs, positives_of: str | None
) -> Iterator[tuple[dict[str, np.ndarray], int]]:
    """Yield parsed examples by name, only positives if a task is named, and the number of records they came from."""
    spec = parsing_spec(inputs)
    records = read_records(files).batch(PARSING_BATCH)
    for tensors in records.map(lambda batch: narrow(tf.io.parse_example(batch, spec)), tf.data.AUTOTUNE):
        chunk = {name: tensor.numpy() for name, tensor in tensors.items()}
        read = len(chunk[feature_names.ITEM])
        if positives_of is not None:
            mask = is_positive(chunk, inputs, positives_of)
            chunk = {name: array[mask] for name, array in chunk.items()}
        yield chunk, read


def _count(records: tf.data.Dataset) -> int:
    """Return the number of records."""
    return sum(int(batch.shape[0]) for batch in records.batch(PARSING_BATCH))


def _with_options(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Return the dataset, deterministic, prefetching and without autotuning."""
    options = tf.data.Options()
    options.deterministic = True
    # The tuner sleeps twice as long each time (10 ms, 20 ms, ...), and an epoch ends only when it wakes: up to twice as
    # late. Reading is as fast without it.
    options.autotune.enabled = False
    # One machine: every replica gets its share of each batch, and no file is left to another worker.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)
