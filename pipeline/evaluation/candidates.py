"""All items that an exported matcher retrieves from, as it encodes them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import tensorflow as tf

from interestflow.pipeline.evaluation.exported_model import answer_examples, examples_in
from interestflow.pipeline.evaluation.result import EvaluationError
from interestflow.transforms import feature_names

BATCH = 2048
"""Examples that are encoded at once."""


@dataclass(frozen=True)
class Candidates:
    """ids: of all items, `[N]`. vectors: float32 `[N, d]`. kinds: what lists should be diverse in, or None."""

    ids: pl.Series
    vectors: np.ndarray
    kinds: np.ndarray | None

    def columns(self, items: pl.Series) -> np.ndarray:
        """The column of each item, int64, -1 for one that is no candidate."""
        places = pl.DataFrame({"item": self.ids, "column": np.arange(len(self.ids), dtype=np.int64)})
        found = items.to_frame("item").join(places, on="item", how="left", maintain_order="left")
        return found.get_column("column").fill_null(-1).to_numpy()


@functools.lru_cache(maxsize=2)
def candidates_of(folder: str, files: tuple[str, ...], kind: str | None) -> Candidates:
    """The items in `files`, examples of the split of items, encoded by the model in `folder`.

    Args:
        folder: of the exported matcher.
        files: TFRecord files.
        kind: a categorical feature of items in which lists should be diverse; None for none.

    Raises:
        EvaluationError: where there are none, or the model cannot encode them.
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
    return Candidates(ids, vectors(folder, examples, "item"), kinds)


def vectors(folder: str, examples: np.ndarray, output: str) -> np.ndarray:
    """Return `output` of the model for serialized examples, float32 `[N, ...]`, N at least 1."""
    found = []
    for start in range(0, len(examples), BATCH):
        try:
            outputs = answer_examples(folder, examples[start : start + BATCH])
        except tf.errors.OpError as error:
            raise EvaluationError(f"the model in {folder} cannot encode the examples: {error.message}") from None
        if output not in outputs:
            raise EvaluationError(
                f"the model in {folder} should give `{output}` under serving_default, as matchers do, "
                f"it gives {', '.join(sorted(outputs))}"
            )
        found.append(outputs[output])
    return np.concatenate(found)
