"""Test examples, scored by an exported model in large batches and handed to TFMA in blocks, one a slice.

TFMA's own extractors take examples apart one by one; with blocks, its cost does not grow with the examples.
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

from interestflow.pipeline.evaluation.exported_model import answer_examples, examples_in
from interestflow.pipeline.evaluation.result import EvaluationError
from interestflow.pipeline.evaluation.slices import Slice
from interestflow.pipeline.metrics.scored_examples import user_ids
from interestflow.transforms import feature_names

BATCH = 1024
"""Examples scored at once: a model's activations over the history grow with it."""
BLOCK = 65536
"""Examples handed to TFMA at once."""
Block = dict[str, Any]


@dataclass(frozen=True)
class BatchScorer:
    """Asks the signature `serving_default` of the model in `folder`, and reads labels and slices beside its answers.

    masked_tasks: those of the tasks that have a mask, which says where there is a label.
    true_probability: whether the examples have one.
    """

    folder: str
    tasks: tuple[str, ...]
    masked_tasks: tuple[str, ...]
    slices: tuple[Slice, ...]
    true_probability: bool

    def check(self, files: Sequence[str]) -> None:
        """Scores the first examples there are.

        Raises:
            EvaluationError: where that fails, or where there are none.
        """
        for file in files:
            for batch in examples_in([file]).batch(16).take(1):
                self.score(batch)
                return
        raise EvaluationError("the test split has no examples")

    def blocks(self, file: str) -> Iterator[Block]:
        """The examples of one file, scored, in blocks of about `BLOCK`."""
        waiting: list[Block] = []
        for batch in examples_in([file]).batch(BATCH).prefetch(2):
            waiting.append(self.score(batch))
            if len(waiting) * BATCH >= BLOCK:
                yield _joined(waiting)
                waiting = []
        if waiting:
            yield _joined(waiting)

    def score(self, examples: tf.Tensor) -> Block:
        """Serialized examples `[N]` to arrays `[N]`: `user`, `true_probability`, and by task `probability_TASK`,
        `label_TASK` and `mask_TASK`; by slice, `rows_NAME` and `values_NAME` as `Slice.pairs` gives them.

        Raises:
            EvaluationError: where the model cannot score them, or labels or slices cannot be read.
        """
        try:
            outputs = answer_examples(self.folder, examples.numpy())
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
        number = tf.io.FixedLenFeature([], tf.float32)
        spec = {feature_names.USER: tf.io.FixedLenFeature([], tf.string)}
        spec |= {feature_names.label(task): number for task in self.tasks}
        spec |= {feature_names.mask(task): number for task in self.masked_tasks}
        if self.true_probability:
            spec[feature_names.TRUE_PROBABILITY] = number
        return spec | {part.feature: part.parsing for part in self.slices}


class ScoreFiles(beam.DoFn):
    """Extracts that name a file to extracts of blocks of its examples."""

    def __init__(self, scorer: BatchScorer) -> None:
        self._scorer = scorer

    def process(self, extracts: Mapping[str, Any]) -> Iterator[Block]:
        yield from self._scorer.blocks(extracts[tfma.INPUT_KEY].decode())


class SliceBlocks(beam.DoFn):
    """Blocks to TFMA's extracts: the whole block, then each value's part of it for every slice."""

    def __init__(self, scorer: BatchScorer) -> None:
        self._scorer = scorer

    def process(self, block: Block) -> Iterator[dict[str, Any]]:
        yield self._extracts(block, (), slice(None))
        for part in self._scorer.slices:
            for value, rows in part.parts(block[f"rows_{part.name}"], block[f"values_{part.name}"]):
                yield self._extracts(block, ((part.name, value),), rows)

    def _extracts(self, block: Block, key: tuple[tuple[str, str], ...], rows: Any) -> dict[str, Any]:
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


def _joined(batches: list[Block]) -> Block:
    """Rows of later batches counted on from those before."""
    starts = np.cumsum([0, *(len(batch["user"]) for batch in batches)])
    return {
        name: np.concatenate(
            [batch[name] + start if name.startswith("rows_") else batch[name]
             for batch, start in zip(batches, starts, strict=False)]
        )
        for name in batches[0]
    }  # fmt: skip
