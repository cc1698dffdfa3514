"""Run statistics, schema inference and validation on a few rows as TFX executes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx.components import ExampleValidator, SchemaGen
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact
from tfx.utils import json_utils

from interestflow.pipeline.components.expected_schema import ExpectedSchema
from interestflow.pipeline.components.sampled_statistics import SampledStatistics
from interestflow.transforms.feature_spec import raw_feature_spec
from tests.pipeline.components.step_execution import execute, make_artifact
from tests.transforms.transform_graph import configuration, filled

SHOP = configuration(attributes=[{"name": "device", "from": "events"}])
ROWS: list[dict[str, Any]] = [
    {
        "user": f"u{index}", "item": f"i{index}", "device": ("phone", "tablet")[index % 2],
        "history_item": ["i1"] * (index % 3), "history_age": [60] * (index % 3), "label_click": float(index % 2),
    }
    for index in range(20)
]  # fmt: skip


def serialized(row: dict[str, Any]) -> bytes:
    example = tf.train.Example()
    for name, value in filled(row, raw_feature_spec(SHOP, with_labels=True)).items():
        feature, values = example.features.feature[name], value if isinstance(value, list) else [value]
        if name in ("timestamp", "history_age", "history_count"):
            feature.int64_list.value.extend(values)
        elif name in ("sampling_probability", "label_click"):
            feature.float_list.value.extend(values)
        else:
            feature.bytes_list.value.extend(text.encode() for text in values)
    return example.SerializeToString()


def examine(folder: Path, validation: list[dict[str, Any]], curated: str = "") -> tuple[Artifact, Artifact]:
    """Return schema and anomalies, with `ROWS` as the training split."""
    examples = make_artifact(folder / "examples", standard_artifacts.Examples)
    examples.split_names = json_utils.dumps(["train", "validation"])
    for split, rows in (("train", ROWS), ("validation", validation)):
        (folder / "examples" / f"Split-{split}").mkdir()
        path = str(folder / "examples" / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz")
        with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
            for row in rows:
                writer.write(serialized(row))
    statistics = make_artifact(folder / "statistics", standard_artifacts.ExampleStatistics)
    inferred, schema = (make_artifact(folder / name, standard_artifacts.Schema) for name in ("inferred", "schema"))
    anomalies = make_artifact(folder / "anomalies", standard_artifacts.ExampleAnomalies)
    execute(SampledStatistics, {"examples": examples}, {"statistics": statistics}, max_examples=1000)
    without = json_utils.dumps(["validation"])
    execute(SchemaGen, {"statistics": statistics}, {"schema": inferred}, infer_feature_shape=0, exclude_splits=without)
    execute(ExpectedSchema, {"inferred": inferred}, {"schema": schema}, config=SHOP.model_dump_json(), curated=curated)
    execute(ExampleValidator, {"statistics": statistics, "schema": schema}, {"anomalies": anomalies})
    return schema, anomalies
