"""Scoring of test examples by an exported model in large batches, for TFMA in one block for each slice.

TFMA's own extractors handle examples one by one; with blocks, its cost does not grow with the number of examples.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.slicer import slicer_lib

from interestflow.pipeline.evaluation.exported_model import examples_in, run_examples
from interestflow.pipeline.evaluation.result import EvaluationError
from interestflow.pipeline.evaluation.slices import Slice
from interestflow.pipeline.metrics.scored_examples import user_ids
from interestflow.transforms import feature_names

BATCH = 1024
"""Examples scored at once; the memory of a model's activations over the history grows with it."""
BLOCK = 65536
"""Examples in a block for TFMA."""
Block = dict[str, np.ndarray]
"""Arrays of scored examples by name, see `BatchScorer.score`."""


@dataclass(frozen=True)
class BatchScorer:
    """Scores examples by `serving_default` of an exported model, and reads their labels and slices.

    Attributes:
        folder: Folder of the exported model.
        tasks: Names of the tasks.
        masked_tasks: Tasks with a mask, which tells which examples have a label.
        slices: Slices of the examples.
        true_probability: Whether the examples have the true probability of the first task.
    """

    folder: str
    tasks: tuple[str, ...]
    masked_tasks: tuple[str, ...]
    slices: tuple[Slice, ...]
    true_probability: bool

    def check(self, files: Sequence[str]) -> None:
        """Check that the first examples of `files` can be scored.

        Raises:
            EvaluationError: If they cannot, or if there are no examples.
        """
        for file in files:
            for batch in examples_in([file]).batch(16).take(1):
                self.score(batch)
                return
        raise EvaluationError("the test split has no examples")

    def blocks(self, file: str) -> Iterator[Block]:
        """Yield the scored examples of one file in blocks of about `BLOCK` examples."""
        batches: list[Block] = []
        for batch in examples_in([file]).batch(BATCH).prefetch(2):
            batches.append(self.score(batch))
            if len(batches) * BATCH >= BLOCK:
                yield _concatenate(batches)
                batches = []
        if batches:
            yield _concatenate(batches)

    def score(self, examples: tf.Tensor) -> Block:
        """Return the scores, labels and slices of serialized examples.

        Args:
            examples: Serialized examples, strings `[N]`.

        Returns:
            Arrays `[N]`: `user`, `true_probability`, and for each task `probability_TASK`, `label_TASK` and
            `mask_TASK`. For each slice `rows_NAME` and `values_NAME`, `[P]`, as `Slice.pairs` returns them.

        Raises:
            EvaluationError: If the model cannot score the examples, or labels or slices cannot be read.
        """
        try:
            outputs = run_examples(self.folder, examples.numpy())
        except tf.errors.OpError as error:
            raise EvaluationError(
                f"the model in {self.folder} cannot score the test examples: {error.message}"
            ) from None
        missing = set(self.tasks) - set(outputs)
        if missing:
            raise EvaluationError(
                f"the model in {self.folder} should score {', '.join(sorted(missing))}, "
                f"but its tasks are {', '.join(sorted(outputs))}"
            )
        try:
            parsed = tf.io.parse_example(examples, self._spec)
        except tf.errors.OpError as error:
            raise EvaluationError(f"the test examples are not as the configuration has them: {error.message}") from None
        block: Block = {"user": user_ids(parsed[feature_names.USER])}
        if self.true_probability:
            block[feature_names.TRUE_PROBABILITY] = parsed[feature_names.TRUE_PROBABILITY].numpy()
        for task in self.tasks:
            label = parsed[feature_names.label(task)].numpy()
            block[f"label_{task}"] = label
            block[f"probability_{task}"] = outputs[task]
            block[f"mask_{task}"] = (
                parsed[feature_names.mask(task)].numpy() if task in self.masked_tasks else np.ones_like(label)
            )
        for part in self.slices:
            block[f"rows_{part.name}"], block[f"values_{part.name}"] = part.pairs(parsed[part.feature])
        return block

    @functools.cached_property
    def _spec(self) -> dict[str, Any]:
        """Features to parse, for `tf.io.parse_example`."""
        scalar = tf.io.FixedLenFeature([], tf.float32)
        spec = {feature_names.USER: tf.io.FixedLenFeature([], tf.string)}
        spec |= {feature_names.label(task): scalar for task in self.tasks}
        spec |= {feature_names.mask(task): scalar for task in self.masked_tasks}
        if self.true_probability:
            spec[feature_names.TRUE_PROBABILITY] = scalar
        return spec | {part.feature: part.parsing for part in self.slices}


class ScoreFiles(beam.DoFn):
    """Maps extracts that name a file to blocks of its scored examples."""

    def __init__(self, scorer: BatchScorer) -> None:
        """Store the scorer."""
        self._scorer = scorer

    def process(self, extracts: Mapping[str, Any]) -> Iterator[Block]:
        """Yield the blocks of one file."""
        yield from self._scorer.blocks(extracts[tfma.INPUT_KEY].decode())


class SliceBlocks(beam.DoFn):
    """Maps a block to TFMA's extracts: the whole block, then its part for each value of every slice."""

    def __init__(self, scorer: BatchScorer) -> None:
        """Store the scorer."""
        self._scorer = scorer

    def process(self, block: Block) -> Iterator[dict[str, Any]]:
        """Yield the extracts of one block."""
        yield self._extracts(block, (), slice(None))
        for part in self._scorer.slices:
            for value, rows in part.parts(block[f"rows_{part.name}"], block[f"values_{part.name}"]):
                yield self._extracts(block, ((part.name, value),), rows)

    def _extracts(self, block: Block, key: tuple[tuple[str, str], ...], rows: np.ndarray | slice) -> dict[str, Any]:
        """Return TFMA's extracts of the `rows` of a block, under the slice `key`."""

        def by_task(name: str) -> dict[str, np.ndarray]:
            return {task: block[f"{name}_{task}"][rows] for task in self._scorer.tasks}

        features = {feature_names.USER: block["user"][rows]}
        if self._scorer.true_probability:
            features[feature_names.TRUE_PROBABILITY] = block[feature_names.TRUE_PROBABILITY][rows]
        return {
            tfma.SLICE_KEY_TYPES_KEY: slicer_lib.slice_keys_to_numpy_array([key]),
            tfma.LABELS_KEY: by_task("label"),
            tfma.PREDICTIONS_KEY: by_task("probability"),
            tfma.EXAMPLE_WEIGHTS_KEY: by_task("mask"),
            tfma.FEATURES_KEY: features,
        }


def _concatenate(batches: list[Block]) -> Block:
    """Return one block of several batches; the rows of its slices count on from batch to batch."""
    starts = np.cumsum([0, *(len(batch["user"]) for batch in batches)])
    return {
        name: np.concatenate(
            [batch[name] + start if name.startswith("rows_") else batch[name]
             for batch, start in zip(batches, starts, strict=False)]
        )
        for name in batches[0]
    }  # fmt: skip
