"""Splits of transformed examples as batches: kept in memory where they fit, streamed from files where they do not."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf

from interestflow.models.inputs import ModelInputs
from interestflow.pipeline.training.batch_dataset import batch_dataset
from interestflow.pipeline.training.batch_stream import BatchPlan, Loader, Window, available_cores
from interestflow.pipeline.training.example_block import ExampleBlock
from interestflow.pipeline.training.example_files import BatchReference, ExampleFiles, TrainingDataError
from interestflow.pipeline.training.example_layout import ExampleLayout
from interestflow.transforms import feature_names

Batch = tuple[dict[str, tf.Tensor], dict[str, tf.Tensor], dict[str, tf.Tensor]]
"""Features by name; labels and weights by task, see `Split.epoch`."""


@dataclass(frozen=True)
class Split:
    """Examples of one split.

    Attributes:
        files: Files of the examples.
        inputs: Inputs of the model.
        count: Number of examples.
        block: All examples; None where they would not fit, and every epoch reads the files again.
        batch_rows: Examples of each record batch that belong to the split, by its place, in the order of the files.
        left_out: Number of examples in the files that do not belong to the split.
    """

    files: ExampleFiles
    inputs: ModelInputs
    count: int
    block: ExampleBlock | None
    batch_rows: Mapping[BatchReference, int]
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
            positives_of: Task whose positives are the split's only examples; None for all examples.

        Raises:
            TrainingDataError: If there is no file or no example.
            TransformedFormatError: If a file is damaged, or has other columns than the model reads.
        """
        files = ExampleFiles.find(patterns, ExampleLayout.build(inputs), positives_of)
        references = files.references()
        block, counts = _read_block(files, references, cache_limit_mb * 2**20)
        counts += files.count(references[len(counts) :])
        count, total = sum(count for count, _ in counts), sum(total for _, total in counts)
        if count == 0:
            description = (
                "examples" if positives_of is None else f"positives of {positives_of} among their {total:,} examples"
            )
            raise TrainingDataError(f"the files that match {', '.join(patterns)} hold no {description}")
        batch_rows = {reference: count for reference, (count, _) in zip(references, counts, strict=True) if count}
        return cls(files, inputs, count, block, batch_rows, total - count)

    @property
    def is_cached(self) -> bool:
        """Whether all examples are in memory."""
        return self.block is not None

    def take(self, rows: np.ndarray) -> Split:
        """Return the examples in memory at `rows` as a split of its own."""
        assert self.block is not None
        return replace(self, count=len(rows), block=self.block.take(rows))

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
            shuffle_buffer: Examples that are read and shuffled together where they are streamed: record batches from
                anywhere in the files; examples in memory are shuffled as a whole.
            first_step: Batches left out at the beginning, to continue an interrupted epoch.
            drop_remainder: Whether to leave out a last batch that is not full.
            by_length: Whether batches are of histories of similar length, without the padding that they share, see
                `group_by_length`. Every example still comes once.

        Returns:
            A dataset of `(features, labels, weights)`: features by name as in `ModelInputs.tensors` and
            `training_tensors`; labels and weights (0 where the task has no label) by task, float32 `[batch_size]`.
        """
        random = np.random.default_rng([seed, epoch])
        references = list(self.batch_rows)
        references = [references[position] for position in random.permutation(len(references))]
        windows = self._windows(references, max(batch_size, shuffle_buffer))
        plan = BatchPlan(batch_size, (seed, epoch), first_step, drop_remainder, by_length)
        return self._dataset(windows, plan)

    def in_order(self, batch_size: int, by_length: bool = False) -> tf.data.Dataset:
        """Return all examples once, in the order of the files; elements as of `epoch`.

        Args:
            batch_size: Examples in a batch.
            by_length: Whether to sort the examples that are in memory together by the length of their histories and to
                leave out the padding that a batch shares.
        """
        windows = self._windows(list(self.batch_rows), batch_size)
        return self._dataset(windows, BatchPlan(batch_size, by_length=by_length))

    def _windows(self, references: Sequence[BatchReference], rows: int) -> list[Window]:
        """Return windows of record batches with at least `rows` examples each, but for the last; one if in memory."""
        if self.block is not None:
            block = self.block
            return [Window(self.count, (lambda: block,))]
        windows: list[Window] = []
        members: list[BatchReference] = []
        for position, reference in enumerate(references):
            members.append(reference)
            size = sum(self.batch_rows[member] for member in members)
            if size >= rows or position + 1 == len(references):
                windows.append(Window(size, tuple(_loader(self.files, member) for member in members)))
                members = []
        return windows

    def _dataset(self, windows: Sequence[Window], plan: BatchPlan) -> tf.data.Dataset:
        """Return the batches of a plan, with their cardinality."""
        steps = self.steps(plan.batch_size, plan.drop_remainder) - plan.first_batch
        dataset = batch_dataset(windows, plan, self.files.layout).map(self._arrange)
        return _with_options(dataset.apply(tf.data.experimental.assert_cardinality(steps)))

    def _arrange(self, tensors: Mapping[str, tf.Tensor]) -> Batch:
        """Return the tensors of a batch as features, labels and weights."""
        features = {name: tensors[name] for name in self.inputs.tensors() | self.inputs.training_tensors()}
        labels = {task: tensors[feature_names.label(task)] for task in self.inputs.tasks}
        weights = {
            task: tensors[feature_names.mask(task)] if task in self.inputs.masked_tasks else tf.ones_like(labels[task])
            for task in self.inputs.tasks
        }
        return features, labels, weights


def _loader(files: ExampleFiles, reference: BatchReference) -> Loader:
    """Return a function that reads the examples of a record batch."""
    return lambda: files.load(reference)[0]


def _read_block(
    files: ExampleFiles, references: Sequence[BatchReference], limit: int
) -> tuple[ExampleBlock | None, list[tuple[int, int]]]:
    """Read all examples, unless they take more than `limit` bytes.

    Returns:
        The examples, or None; and for each record batch that was read, how many of its examples belong to the split
        and how many it has.
    """
    block, counts = ExampleBlock.empty(files.layout), []
    threads = available_cores()
    with ThreadPoolExecutor(threads, "examples") as pool:
        loading: deque[Future[tuple[ExampleBlock, int]]] = deque()
        for position in range(len(references)):
            # Few are read ahead, so that they take little memory beside the limit.
            for reference in references[position + len(loading) : position + 2 * threads]:
                loading.append(pool.submit(files.load, reference))
            part, total = loading.popleft().result()
            counts.append((len(part), total))
            if block.nbytes + part.nbytes > limit:
                return None, counts
            block.append(part)
    return block, counts


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
