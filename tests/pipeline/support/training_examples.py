"""Small transformed examples and a small ranker, for the tests of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from interestflow.models.inputs import CategoricalInput, ModelInputs, NumericInput
from interestflow.transforms.transformed.format import Column
from interestflow.transforms.transformed.writer import ColumnFile

BATCH_ROWS = 16
"""Examples of a record batch: few, so that a small file has several."""
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
    """Write `rows` round-robin into files of columns, and return the pattern that matches them."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = {name: Column("float32" if v.dtype.kind == "f" else "int32", v.shape[1:]) for name, v in rows.items()}
    for index in range(files):
        with ColumnFile(str(folder / f"part-{index}.arrow"), columns) as file:
            for start in range(index, len(rows["item"]), files * BATCH_ROWS):
                part = slice(start, start + files * BATCH_ROWS, files)
                file.write({name: values[part] for name, values in rows.items()})
    return str(folder / "part-*.arrow")


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
