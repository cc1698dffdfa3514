"""Run the transform on rows given as dictionaries, for the tests: learn it from some, and apply it to others."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.saved import saved_transform_io_v2
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.feature_spec import raw_feature_spec
from interestflow.transforms.preprocessing import Preprocessing

MISSING: dict[tf.DType, Any] = {tf.string: "", tf.float32: float("nan"), tf.int64: 0}


def configuration(**sections: Any) -> IngestionConfig:
    """Return the configuration of a log with one task, `click`; `attributes` is short for that key of `features`."""
    tables = {name: {"path": f"{name}.csv", "format": "csv", "id": "id"} for name in ("items", "users")}
    events = {"path": "events.csv", "format": "csv", "user": "user", "item": "item", "timestamp": "timestamp"}
    columns: dict[str, Any] = {
        "data": {"events": events, **tables},
        "tasks": [{"name": "click", "label": {"column": "click"}}],
        "sequence": {"max_length": 3},
        **{name: section for name, section in sections.items() if name != "attributes"},
    }
    if "attributes" in sections:
        columns["features"] = {"attributes": sections["attributes"]}
    return IngestionConfig.model_validate(columns)


def learn(config: IngestionConfig, rows: Sequence[Mapping[str, Any]], folder: Path) -> tft.TFTransformOutput:
    """Learn the transform from rows of the training split; features that a row lacks are missing."""
    spec = raw_feature_spec(config, with_labels=True)
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    with (
        tempfile.TemporaryDirectory() as temporary,
        beam.Pipeline("FnApiRunner") as pipeline,
        tft_beam.Context(temp_dir=temporary),
    ):
        data = pipeline | beam.Create([filled(row, spec) for row in rows])
        function = (data, metadata) | tft_beam.AnalyzeDataset(Preprocessing(config))
        function | tft_beam.WriteTransformFn(str(folder))
    return tft.TFTransformOutput(str(folder))


def apply(
    config: IngestionConfig, learned: tft.TFTransformOutput, rows: Sequence[Mapping[str, Any]], with_labels: bool
) -> dict[str, np.ndarray]:
    """Return the model inputs of `rows` by feature; without labels, as a server computes them."""
    spec = raw_feature_spec(config, with_labels)
    columns = [filled(row, spec) for row in rows]
    raw = {}
    for name, feature in spec.items():
        if isinstance(feature, tf.io.VarLenFeature):
            values = tf.ragged.constant([row[name] for row in columns], feature.dtype, ragged_rank=1)
            raw[name] = values.to_sparse()
        else:
            raw[name] = tf.constant([row[name] for row in columns], feature.dtype)
    transformed = _loader(learned.transform_savedmodel_dir).apply_transform_model(raw)
    return {name: tensor.numpy() for name, tensor in transformed.items()}


@functools.cache
def _loader(folder: str) -> saved_transform_io_v2.SavedModelLoader:
    return saved_transform_io_v2.SavedModelLoader(folder)


def filled(row: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with every feature of `spec`."""
    defaults = {
        name: [] if isinstance(feature, tf.io.VarLenFeature) else MISSING[feature.dtype]
        for name, feature in spec.items()
    }
    return defaults | {"sampling_probability": 1.0} | {name: row[name] for name in row if name in spec}
