"""The features of a raw example, as `tf.io.parse_example` takes them: what ingestion writes and serving is asked with.

A single value is always there: text that is missing is "", a number that is missing is NaN. Along the history every
feature has one value a behaviour, so that all are as long as `history_item`; a list-valued attribute is there the
text of its values with the attribute's separator between them.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2

from interestflow.transforms import feature_names
from interestflow.transforms.config import AttributeConfig, IngestionConfig

SCHEMA_TYPES = {tf.string: schema_pb2.BYTES, tf.int64: schema_pb2.INT, tf.float32: schema_pb2.FLOAT}
"""What TensorFlow Metadata calls the types of raw features."""


def raw_feature_spec(config: IngestionConfig, with_labels: bool) -> dict[str, Any]:
    """Parsing specification by feature name.

    Args:
        config: of the log.
        with_labels: everything that ingestion writes; otherwise only what a model is asked with: the target, the
            history, attributes, and the user where it has an embedding.
    """
    text, number, whole = (tf.io.FixedLenFeature([], dtype) for dtype in (tf.string, tf.float32, tf.int64))
    spec: dict[str, Any] = {
        feature_names.ITEM: text,
        feature_names.HISTORY_ITEM: tf.io.VarLenFeature(tf.string),
        feature_names.HISTORY_AGE: tf.io.VarLenFeature(tf.int64),
    }
    for attribute in config.features.with_target():
        spec[attribute.name] = _target_feature(attribute)
    for attribute in config.features.along_history():
        dtype = tf.float32 if attribute.kind == "numeric" else tf.string
        spec[feature_names.history(attribute.name)] = tf.io.VarLenFeature(dtype)
    if config.features.user.in_model or with_labels:
        spec[feature_names.USER] = text
    if not with_labels:
        return spec
    spec |= dict.fromkeys((feature_names.SLICE_HISTORY, feature_names.SLICE_USER, feature_names.SLICE_ITEM), text)
    spec |= dict.fromkeys((feature_names.TIMESTAMP, feature_names.HISTORY_COUNT), whole)
    if config.sequence.history_negatives:
        spec[feature_names.HISTORY_NEGATIVE_ITEM] = tf.io.VarLenFeature(tf.string)
        for attribute in config.features.of_item_vector():
            along = spec[feature_names.history(attribute.name)]
            spec[feature_names.history_negative(attribute.name)] = along
    spec[feature_names.SAMPLING_PROBABILITY] = number
    if config.data.events.true_probability is not None:
        spec[feature_names.TRUE_PROBABILITY] = number
    for task in config.tasks:
        spec[feature_names.label(task.name)] = number
        if task.mask is not None:
            spec[feature_names.mask(task.name)] = number
    return spec


def _target_feature(attribute: AttributeConfig) -> Any:
    if attribute.kind == "categorical_list":
        return tf.io.VarLenFeature(tf.string)
    return tf.io.FixedLenFeature([], tf.float32 if attribute.kind == "numeric" else tf.string)
