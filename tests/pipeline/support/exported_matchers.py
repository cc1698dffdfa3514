"""Raw examples of a small shop and exported matchers that look up vectors, for the tests of retrieval."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from interestflow.pipeline.config import PipelineConfig
from interestflow.serving.provenance import PROVENANCE
from interestflow.serving.raw_inputs import describe_raw_inputs
from interestflow.transforms.feature_spec import raw_feature_spec
from tests.pipeline.support import exported_rankers

ITEMS = 30
VECTORS = np.random.default_rng(11).normal(size=(ITEMS + 10, 4)).astype(np.float32)
"""Vectors by item number; some items are not in the catalogue."""
CONFIG: dict[str, Any] = {
    "name": "shop",
    "data": {
        "folder": "unused",
        "events": {"path": "e.csv", "format": "csv", "user": "user", "item": "item", "timestamp": "time"},
        "items": {"path": "i.csv", "format": "csv", "id": "item"},
    },
    "tasks": [{"name": "click", "label": {"column": "click"}}],
    "features": {"attributes": [{"name": "category", "from": "items"}, {"name": "device", "from": "events"}]},
    "model": {"name": "two_tower"},
    "evaluation": {"slices": ["user", "item", "device"]},
}


def config(**changes: Any) -> PipelineConfig:
    return PipelineConfig.model_validate(CONFIG | changes)


def make_rows(users: int = 6, events: int = 40, seed: int = 5) -> dict[str, list[dict[str, Any]]]:
    """Return examples by split: each user sees items at ascending times, some at the same time, and clicks most."""
    random = np.random.default_rng(seed)
    rows: dict[str, list[dict[str, Any]]] = {"train": [], "validation": [], "test": []}
    for user in range(users):
        time, clicked = 0, [(0, "")]
        for event in range(events if user else 3):
            time += int(random.integers(0, 3))
            item, click = f"i{random.integers(0, ITEMS + 3)}", bool(random.random() < 0.7)
            earlier = [old for when, old in clicked[1:] if when < time]
            split = "train" if event < events * 0.5 else "validation" if event < events * 0.6 else "test"
            rows["test" if user == 1 else split].append(_row(f"u{user}", item, time, click, earlier[-5:], user))
            if click:
                clicked.append((time, item))
    return rows


def _row(user: str, item: str, time: int, click: bool, history: list[str], index: int) -> dict[str, Any]:
    return {
        "user": user, "item": item, "timestamp": time, "history_item": history, "history_age": [1] * len(history),
        "history_count": len(history), "sampling_probability": 1.0, "slice_history_length": "1-4",
        "slice_user": "new" if user == "u1" else "known", "slice_item": "known", "category": f"c{item[-1]}",
        "device": ["phone", "tablet"][index % 2], "label_click": float(click),
    }  # fmt: skip


def write(rows: dict[str, list[dict[str, Any]]], folder: Path, items: int = ITEMS) -> Path:
    """Write examples as ingestion would, users sharded over two files, with the split of items; return the folder."""
    for split, examples in rows.items():
        exported_rankers.write_split(examples, folder, split, files=2)
    catalogue = [_row("", f"i{index}", 0, False, [], 0) | {"device": ""} for index in range(items)]
    (folder / "Split-items").mkdir()
    exported_rankers.write_file(catalogue, folder / "Split-items" / "data_tfrecord-00000-of-00001.gz")
    return folder


class _Matcher(tf.Module):
    """Two interests: the mean of the history's vectors, and the vector of the newest behaviour."""

    def __init__(self, sign: float) -> None:
        super().__init__()
        self._table = tf.Variable(sign * VECTORS)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def score(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = {"item": tf.io.FixedLenFeature([], tf.string), "history_item": tf.io.RaggedFeature(tf.string)}
        parsed = tf.io.parse_example(examples, spec)
        history = tf.ragged.map_flat_values(lambda items: tf.gather(VECTORS, _numbers(items)), parsed["history_item"])
        mean = tf.math.divide_no_nan(
            tf.reduce_sum(history, axis=1), tf.cast(history.row_lengths(), tf.float32)[:, tf.newaxis]
        )
        newest = tf.reduce_sum(history[:, -1:], axis=1)
        item = tf.gather(self._table, _numbers(parsed["item"]))
        return {"user": tf.stack([mean, newest], axis=1), "item": item, "score": tf.reduce_sum(mean * item, axis=1)}


def _numbers(items: tf.Tensor) -> tf.Tensor:
    return tf.strings.to_number(tf.strings.substr(items, 1, -1), tf.int32)


def export_matcher(folder: Path, sign: float = 1.0, **provenance: Any) -> Path:
    """Write a SavedModel with the signature and the provenance of an exported matcher, and return its folder.

    Args:
        folder: Folder to write to.
        sign: Factor of the item vectors; -1 ranks the worst items first.
        provenance: Entries that replace those of its provenance.
    """
    model = _Matcher(sign)
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.score})
    raw = describe_raw_inputs(raw_feature_spec(config().ingestion(), with_labels=False))
    content = {
        "fingerprint": "abc",
        "model": {"name": "two_tower"},
        "kind": "matcher",
        "raw_inputs": [r.as_json() for r in raw],
    }
    (folder / PROVENANCE).parent.mkdir(parents=True)
    (folder / PROVENANCE).write_text(json.dumps(content | provenance))
    return folder
