"""Small transformed examples and a small ranker, for the tests of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from interestflow.models.inputs import CategoricalInput, ModelInputs, NumericInput

INPUTS = ModelInputs(
    tasks=("click", "like"),
    masked_tasks=("like",),
    item_rows=21,
    history_length=4,
    history_age_buckets=8,
    categorical=(
        CategoricalInput("category", 6, "item", None, True, True),
        CategoricalInput("tags", 5, "item", 2, True, False),
    ),
    numeric=(NumericInput("price", "item"),),
)


def make_rows(count: int, seed: int = 5) -> dict[str, np.ndarray]:
    """Return examples whose clicks depend on the item, so that they can be learned; only a click can have a like."""
    random = np.random.default_rng(seed)
    item = random.integers(1, 21, count)
    valid = np.arange(4) < random.integers(0, 5, count)[:, None]
    click = (random.random(count) < np.where(item % 2 == 0, 0.8, 0.2)).astype(np.float32)
    return {
        "item": item,
        "category": item % 5 + 1,
        "tags": random.integers(0, 5, (count, 2)),
        "price": random.normal(size=count).astype(np.float32),
        "history_item": np.where(valid, random.integers(1, 21, (count, 4)), 0),
        "history_age": np.where(valid, random.integers(1, 8, (count, 4)), 0),
        "history_category": np.where(valid, random.integers(1, 6, (count, 4)), 0),
        "label_click": click,
        "label_like": (click * (item % 3 == 0)).astype(np.float32),
        "mask_like": click,
    }


def write(rows: dict[str, np.ndarray], folder: Path, files: int = 3) -> str:
    """Write `rows` round-robin into gzipped files, and return the pattern that matches them."""
    folder.mkdir(parents=True, exist_ok=True)
    count = len(rows["item"])
    for index in range(files):
        name = str(folder / f"part-{index}.gz")
        with tf.io.TFRecordWriter(name, tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
            for row in range(index, count, files):
                writer.write(_example({key: values[row] for key, values in rows.items()}))
    return str(folder / "part-*.gz")


def _example(row: dict[str, Any]) -> bytes:
    example = tf.train.Example()
    for name, value in row.items():
        feature = example.features.feature[name]
        if np.asarray(value).dtype.kind == "f":
            feature.float_list.value.extend(np.atleast_1d(value).tolist())
        else:
            feature.int64_list.value.extend(np.atleast_1d(value).tolist())
    return example.SerializeToString()


class SmallRanker(keras.Model):
    """Ranker with two tables, a mean over the history and a dense layer for each task; dropout uses random state."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.items = keras.layers.Embedding(INPUTS.item_rows, 4)
        self.categories = keras.layers.Embedding(6, 3)
        self.hidden = keras.layers.Dense(8, activation="tanh")
        self.dropout = keras.layers.Dropout(dropout)
        self.heads = {task: keras.layers.Dense(1) for task in INPUTS.tasks}

    def call(self, features: dict[str, Any], training: bool = False) -> dict[str, Any]:
        mask = ops.cast(features["history_item"] > 0, self.compute_dtype)[..., None]
        past = ops.sum(self.items(features["history_item"]) * mask, axis=1) / (1.0 + ops.sum(mask, axis=1))
        price = ops.cast(features["price"], self.compute_dtype)[:, None]
        vector = [self.items(features["item"]), self.categories(features["category"]), past, price]
        hidden = self.dropout(self.hidden(ops.concatenate(vector, axis=-1)), training=training)
        return {task: ops.squeeze(head(hidden), axis=-1) for task, head in self.heads.items()}
