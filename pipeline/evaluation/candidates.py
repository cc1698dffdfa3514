"""Candidates of a matcher's evaluation: all items of the catalogue, as the exported model encodes them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import tensorflow as tf

from interestflow.pipeline.evaluation.exported_model import examples_in, run_examples
from interestflow.pipeline.evaluation.result import EvaluationError
from interestflow.transforms import feature_names

BATCH = 2048
"""Examples encoded at once."""


@dataclass(frozen=True)
class Candidates:
    """N candidates.

    Attributes:
        ids: Ids of the items, UTF-8, `[N]`.
        vectors: Their vectors, float32 `[N, d]`.
        kinds: Integer code of the attribute in which lists should be diverse, `[N]`; None where there is none.
    """

    ids: pl.Series
    vectors: np.ndarray
    kinds: np.ndarray | None

    def columns(self, items: pl.Series) -> np.ndarray:
        """Return the column of each item, int64, -1 for one that is no candidate."""
        columns = pl.DataFrame({"item": self.ids, "column": np.arange(len(self.ids), dtype=np.int64)})
        matches = items.to_frame("item").join(columns, on="item", how="left", maintain_order="left")
        return matches.get_column("column").fill_null(-1).to_numpy()


@functools.lru_cache(maxsize=2)
def load_candidates(folder: str, files: tuple[str, ...], kind: str | None) -> Candidates:
    """Return the items in `files`, encoded by the model in `folder`; the last two results are cached.

    Args:
        folder: Folder of the exported matcher.
        files: TFRecord files with the examples of the split of items.
        kind: Categorical feature of items in which lists should be diverse; None for none.

    Raises:
        EvaluationError: If there are no items, or the model cannot encode them.
    """
    serialized = [batch.numpy() for batch in examples_in(files).batch(BATCH)] if files else []
    if not serialized:
        raise EvaluationError("the split of items is empty: there is nothing to rank")
    examples = np.concatenate(serialized)
    spec: dict[str, Any] = {feature_names.ITEM: tf.io.FixedLenFeature([], tf.string)}
    if kind is not None:
        spec[kind] = tf.io.VarLenFeature(tf.string)
    parsed = tf.io.parse_example(tf.constant(examples), spec)
    kinds = None
    if kind is not None:
        texts = tf.strings.reduce_join(tf.sparse.to_dense(parsed[kind]), axis=1, separator="\t").numpy()
        kinds = np.unique(texts.astype(object), return_inverse=True)[1]
    ids = pl.Series(parsed[feature_names.ITEM].numpy().tolist(), dtype=pl.Binary)
    return Candidates(ids, model_vectors(folder, examples, "item"), kinds)


def model_vectors(folder: str, examples: np.ndarray, output: str) -> np.ndarray:
    """Return the `output` of the model in `folder` for serialized examples, float32 `[N, ...]` with N at least 1.

    Raises:
        EvaluationError: If the model cannot encode the examples or has no such output.
    """
    vectors = []
    for start in range(0, len(examples), BATCH):
        try:
            outputs = run_examples(folder, examples[start : start + BATCH])
        except tf.errors.OpError as error:
            raise EvaluationError(f"the model in {folder} cannot encode the examples: {error.message}") from None
        if output not in outputs:
            raise EvaluationError(
                f"the model in {folder} should give `{output}` under serving_default, as matchers do, "
                f"it gives {', '.join(sorted(outputs))}"
            )
        vectors.append(outputs[output])
    return np.concatenate(vectors)
