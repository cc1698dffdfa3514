"""A small transform graph for the tests of serving, built by TF Transform from a dozen rows."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from interestflow.models.inputs import CategoricalInput, ModelInputs, NumericInput
from tests.serving.shared_folders import shared_folder

LENGTH, BUCKETS, TAGS = 4, 8, 2
RAW_SPEC: dict[str, Any] = {
    "user": tf.io.FixedLenFeature([], tf.string),
    "item": tf.io.FixedLenFeature([], tf.string),
    "category": tf.io.FixedLenFeature([], tf.string),
    "price": tf.io.FixedLenFeature([], tf.float32),
    "tags": tf.io.VarLenFeature(tf.string),
    "history_item": tf.io.VarLenFeature(tf.string),
    "history_category": tf.io.VarLenFeature(tf.string),
    "history_age": tf.io.VarLenFeature(tf.int64),
}
WITH_LABELS = RAW_SPEC | {"label_click": tf.io.FixedLenFeature([], tf.float32)}


def _newest(values: tf.SparseTensor) -> tf.Tensor:
    """Return the newest values as `[N, LENGTH]`, padded at the end with zeros or empty strings."""
    ragged = tf.RaggedTensor.from_sparse(values)
    return ragged[:, -LENGTH:].to_tensor(shape=[None, LENGTH])


def _preprocess(raw: dict[str, Any]) -> dict[str, tf.Tensor]:
    mask = _newest(raw["history_item"]) != ""

    def encoded(name: str) -> tuple[tf.Tensor, tf.Tensor]:
        """Encode the target and the history by one lookup, as the pipeline's own transform does."""
        both = tf.concat([raw[name][:, tf.newaxis], _newest(raw[f"history_{name}"])], axis=1)
        ids = tft.apply_vocabulary(both, paths[name], num_oov_buckets=1) + 1
        return ids[:, 0], tf.where(mask, ids[:, 1:], 0)

    paths = {name: tft.vocabulary(raw[name], vocab_filename=name) for name in ("item", "category", "user")}
    tags = tft.compute_and_apply_vocabulary(raw["tags"], num_oov_buckets=1, vocab_filename="tags")
    tags = tf.sparse.map_values(lambda ids: ids + 1, tags)
    ages = tf.cast(_newest(raw["history_age"]), tf.float32)
    price = tf.where(tf.math.is_nan(raw["price"]), tf.zeros_like(raw["price"]), raw["price"])
    (item, history_item), (category, history_category) = encoded("item"), encoded("category")
    return {
        "user": tft.apply_vocabulary(raw["user"], paths["user"], num_oov_buckets=1) + 1,
        "item": item,
        "category": category,
        "tags": tf.RaggedTensor.from_sparse(tags)[:, :TAGS].to_tensor(shape=[None, TAGS]),
        "price": price,
        "history_item": history_item,
        "history_category": history_category,
        "history_age": tf.where(mask, tf.minimum(tf.cast(tf.math.log1p(ages), tf.int64) + 1, BUCKETS - 1), 0),
        "label_click": raw["label_click"],
    }


def rows() -> list[dict[str, Any]]:
    """Return a dozen rows, with "é7" and "東京" among the items."""
    items = ["i0", "i1", "i2", "é7", "東京", "i5"]
    rows = []
    for index in range(12):
        past = [items[(index + step) % 6] for step in range(index % 6)]
        rows.append(
            {
                "user": f"u{index % 3}",
                "item": items[index % 6],
                "category": f"c{index % 3}",
                "price": index / 10,
                "tags": [f"t{tag}" for tag in range(index % 3)],
                "history_item": past,
                "history_category": [f"c{items.index(item) % 3}" for item in past],
                "history_age": [10**step for step in range(len(past), 0, -1)],
            }
        )
    return rows


def parsed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the raw features of `rows` as parsing returns them, without labels."""

    def ragged(name: str, dtype: tf.DType) -> tf.SparseTensor:
        return tf.ragged.constant([row.get(name, []) for row in rows], dtype=dtype, ragged_rank=1).to_sparse()

    raw = {name: tf.constant([row.get(name, "") for row in rows]) for name in ("user", "item", "category")}
    raw["price"] = tf.constant([row.get("price", float("nan")) for row in rows], tf.float32)
    raw |= {name: ragged(name, tf.string) for name in ("tags", "history_item", "history_category")}
    raw["history_age"] = ragged("history_age", tf.int64)
    return raw


def serialized(rows: list[dict[str, Any]]) -> list[bytes]:
    """Return `rows` as serialized examples, written without the code under test."""
    texts = []
    for row in rows:
        example = tf.train.Example()
        for name, value in row.items():
            values = value if isinstance(value, list) else [value]
            feature = example.features.feature[name]
            if name == "price":
                feature.float_list.value.extend(values)
            elif name == "history_age":
                feature.int64_list.value.extend(values)
            else:
                feature.bytes_list.value.extend(text.encode() for text in values)
        texts.append(example.SerializeToString())
    return texts


def inputs(transform_output: tft.TFTransformOutput, with_users: bool = False) -> ModelInputs:
    """Return the inputs of a model. A table has rows for the vocabulary, one out-of-vocabulary bucket, and padding."""
    size = {name: transform_output.vocabulary_size_by_name(name) + 2 for name in ("item", "category", "tags", "user")}
    return ModelInputs(
        tasks=("click",),
        item_rows=size["item"],
        user_rows=size["user"] if with_users else None,
        history_length=LENGTH,
        history_age_buckets=BUCKETS,
        categorical=(
            CategoricalInput("category", size["category"], "item", None, True, True),
            CategoricalInput("tags", size["tags"], "item", TAGS, True, False),
        ),
        numeric=(NumericInput("price", "item"),),
    )


def shared(factory: pytest.TempPathFactory) -> tft.TFTransformOutput:
    """Return the transform graph that all tests of a run share, and none may change."""
    return tft.TFTransformOutput(str(shared_folder(factory, "transform", make)))


def make(folder: Path) -> tft.TFTransformOutput:
    """Analyse the rows, and write the transform graph into `folder`."""
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(WITH_LABELS))
    labelled = [row | {"label_click": float(index % 2)} for index, row in enumerate(rows())]
    with (
        tempfile.TemporaryDirectory() as temporary,
        beam.Pipeline("FnApiRunner") as pipeline,
        tft_beam.Context(temp_dir=temporary),
    ):
        data = pipeline | beam.Create(labelled)
        function = (data, metadata) | tft_beam.AnalyzeDataset(_preprocess)
        function | tft_beam.WriteTransformFn(str(folder))
    return tft.TFTransformOutput(str(folder))
