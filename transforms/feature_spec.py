"""Features of a raw example, as `tf.io.parse_example` takes them: ingestion writes them, and clients send them.

A single value is always present: missing text is "", a missing number is NaN. Every feature along the history has one
value for each behaviour, so all are as long as `history_item`; there, a list-valued attribute is the text of its values
joined by the attribute's separator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2

from interestflow.transforms import feature_names
from interestflow.transforms.config import AttributeConfig, IngestionConfig

RawFeature: TypeAlias = tf.io.FixedLenFeature | tf.io.VarLenFeature
FeatureSpec: TypeAlias = Mapping[str, RawFeature]
SCHEMA_TYPES = {tf.string: schema_pb2.BYTES, tf.int64: schema_pb2.INT, tf.float32: schema_pb2.FLOAT}
"""TensorFlow Metadata's names of the types of raw features."""


def raw_feature_spec(config: IngestionConfig, with_labels: bool) -> dict[str, RawFeature]:
    """Return the parsing specification of raw examples by feature name.

    Args:
        config: the configuration of the log.
        with_labels: whether to include everything that ingestion writes; otherwise only what a request has: the target,
            the history, attributes, and the user if the model has an embedding of it.
    """
    text, number, integer = (tf.io.FixedLenFeature([], dtype) for dtype in (tf.string, tf.float32, tf.int64))
    spec: dict[str, RawFeature] = {
        feature_names.ITEM: text,
        feature_names.HISTORY_ITEM: tf.io.VarLenFeature(tf.string),
        feature_names.HISTORY_AGE: tf.io.VarLenFeature(tf.int64),
    }
    for attribute in config.features.target_attributes():
        spec[attribute.name] = _target_feature(attribute)
    for attribute in config.features.history_attributes():
        dtype = tf.float32 if attribute.kind == "numeric" else tf.string
        spec[feature_names.history(attribute.name)] = tf.io.VarLenFeature(dtype)
    if config.features.user.in_model or with_labels:
        spec[feature_names.USER] = text
    if not with_labels:
        return spec
    spec |= dict.fromkeys((feature_names.SLICE_HISTORY, feature_names.SLICE_USER, feature_names.SLICE_ITEM), text)
    spec |= dict.fromkeys((feature_names.TIMESTAMP, feature_names.HISTORY_COUNT), integer)
    if config.sequence.history_negatives:
        spec[feature_names.HISTORY_NEGATIVE_ITEM] = tf.io.VarLenFeature(tf.string)
        for attribute in config.features.item_vector_attributes():
            along_history = spec[feature_names.history(attribute.name)]
            spec[feature_names.history_negative(attribute.name)] = along_history
    spec[feature_names.SAMPLING_PROBABILITY] = number
    if config.data.events.true_probability is not None:
        spec[feature_names.TRUE_PROBABILITY] = number
    return spec | dict.fromkeys(label_features(config), number)


def label_features(config: IngestionConfig) -> list[str]:
    """Return the label of every task, each followed by the mask of a task that has one: numbers from 0 to 1."""
    names = []
    for task in config.tasks:
        names.append(feature_names.label(task.name))
        if task.mask is not None:
            names.append(feature_names.mask(task.name))
    return names


def _target_feature(attribute: AttributeConfig) -> RawFeature:
    """Return the feature of an attribute of the target."""
    if attribute.kind == "categorical_list":
        return tf.io.VarLenFeature(tf.string)
    return tf.io.FixedLenFeature([], tf.float32 if attribute.kind == "numeric" else tf.string)
