"""Raw test examples and exported rankers that score them by a formula, for the tests of evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from interestflow.pipeline.config import PipelineConfig
from interestflow.serving.provenance import PROVENANCE
from interestflow.serving.raw_inputs import describe_raw_inputs, parsing_spec
from interestflow.transforms.feature_spec import raw_feature_spec

CONFIG: dict[str, Any] = {
    "name": "small",
    "data": {
        "folder": "unused",
        "events": {
            "path": "e.csv", "format": "csv", "user": "user", "item": "item", "timestamp": "time",
            "true_probability": "truth",
        },
    },
    "tasks": [
        {"name": "click", "label": {"column": "click"}},
        {"name": "like", "label": {"column": "like"}, "mask": {"column": "click"}},
    ],
    "features": {
        "attributes": [
            {"name": "device", "from": "events"},
            {"name": "tags", "from": "events", "kind": "categorical_list"},
            {"name": "price", "from": "events", "kind": "numeric", "boundaries": [1.0, 10.0]},
        ]
    },
    "model": {"name": "pooled"},
    "evaluation": {"slices": ["history_length", "user", "item", "device", "tags", "price"]},
}  # fmt: skip
TASKS = ("click", "like")


def config(**changes: Any) -> PipelineConfig:
    """Return `CONFIG` with sections replaced."""
    return PipelineConfig.model_validate(CONFIG | changes)


def make_rows(count: int, seed: int = 3) -> list[dict[str, Any]]:
    """Return raw examples with clicks drawn from `true_probability`, which depends on the price; some have no price."""
    random = np.random.default_rng(seed)
    rows = []
    for index in range(count):
        price = float(np.float32(random.gamma(2.0, 3.0))) if random.random() < 0.9 else float("nan")
        truth = float(np.float32(1.0 / (1.0 + np.exp(1.5 - 0.2 * (0.0 if np.isnan(price) else price)))))
        click = float(random.random() < truth)
        behaviours = int(random.integers(0, 60))
        rows.append(
            {
                "user": f"u{random.integers(0, max(2, count // 8))}",
                "item": f"i{random.integers(0, 30)}",
                "timestamp": 1_000_000 * index,
                "history_item": [f"i{random.integers(0, 30)}" for _ in range(min(behaviours, 3))],
                "history_age": list(range(min(behaviours, 3), 0, -1)),
                "history_count": behaviours,
                "sampling_probability": 1.0,
                "true_probability": truth,
                "slice_history_length": next(
                    name for name, least in (("50+", 50), ("20-49", 20), ("5-19", 5), ("1-4", 1), ("0", 0))
                    if behaviours >= least
                ),
                "slice_user": "new" if random.random() < 0.2 else "known",
                "slice_item": "cold" if random.random() < 0.1 else "known",
                "device": str(random.choice(["phone", "tablet", ""])),
                "tags": [f"t{tag}" for tag in range(random.integers(0, 3))],
                "price": price,
                "label_click": click,
                "label_like": float(click and random.random() < 0.5),
                "mask_like": click,
            }
        )  # fmt: skip
    return rows


def write_examples(rows: list[dict[str, Any]], folder: Path, files: int = 2) -> Path:
    """Write examples as ingestion would, users sharded, and return the folder of all splits."""
    write_split(rows, folder, "test", files)
    return folder


def write_split(rows: list[dict[str, Any]], folder: Path, split: str, files: int) -> None:
    """Write the rows of one split into its folder."""
    (folder / f"Split-{split}").mkdir(parents=True)
    shards: list[list[dict[str, Any]]] = [[] for _ in range(files)]
    for row in rows:
        shards[int(row["user"][1:]) % files].append(row)
    for index, shard in enumerate(shards):
        write_file(shard, folder / f"Split-{split}" / f"data_tfrecord-{index:05}-of-{files:05}.gz")


def write_file(rows: list[dict[str, Any]], path: Path) -> None:
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        for row in rows:
            writer.write(_example(row))


def _example(row: dict[str, Any]) -> bytes:
    example = tf.train.Example()
    for name, value in row.items():
        values = value if isinstance(value, list) else [value]
        feature = example.features.feature[name]
        if isinstance(value, float):
            feature.float_list.value.extend(values)
        elif name in ("timestamp", "history_age", "history_count"):
            feature.int64_list.value.extend(values)
        else:
            feature.bytes_list.value.extend(text.encode() for text in values)
    return example.SerializeToString()


def probabilities(rows: list[dict[str, Any]], slope: float = 0.3) -> dict[str, np.ndarray]:
    """Return the scores of `export_model` in NumPy; rounded, so that ties are equal in both."""
    price = np.array([0.0 if np.isnan(row["price"]) else row["price"] for row in rows])
    click = np.round(1000.0 / (1.0 + np.exp(1.5 - slope * np.round(price))))
    return {"click": (click / 1000.0).astype(np.float32), "like": ((1000.0 - click) / 1000.0).astype(np.float32)}


class _Model(tf.Module):
    def __init__(self, described: PipelineConfig, slope: float, tasks: tuple[str, ...]) -> None:
        super().__init__()
        self._inputs = describe_raw_inputs(raw_feature_spec(described.ingestion(), with_labels=False))
        self._slope, self._tasks = slope, tasks

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def score(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        price = tf.io.parse_example(examples, parsing_spec(self._inputs))["price"]
        price = tf.where(tf.math.is_nan(price), 0.0, tf.round(price))
        click = tf.round(1000.0 * tf.sigmoid(self._slope * price - 1.5))
        return {task: (click if task == "click" else 1000.0 - click) / 1000.0 for task in self._tasks}

    def as_json(self) -> list[dict[str, Any]]:
        return [raw.as_json() for raw in self._inputs]


def export_model(
    folder: Path,
    fingerprint: str = "candidate0000000",
    slope: float = 0.3,
    tasks: tuple[str, ...] = TASKS,
    name: str = "pooled",
    described: PipelineConfig | None = None,
) -> Path:
    """Write a SavedModel with the signature and the provenance of an exported ranker, and return its folder."""
    model = _Model(described or config(), slope, tasks)
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.score})
    content = {"fingerprint": fingerprint, "model": {"name": name}, "tasks": tasks, "raw_inputs": model.as_json()}
    (folder / PROVENANCE).parent.mkdir(parents=True)
    (folder / PROVENANCE).write_text(json.dumps(content))
    return folder
