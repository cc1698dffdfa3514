"""Schema of raw examples: types and shapes from the configuration, values from the training split."""

from __future__ import annotations

import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils

from interestflow.transforms import feature_names
from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.feature_spec import SCHEMA_TYPES, RawFeature, label_features, raw_feature_spec

MIN_KNOWN_SHARE = 0.5
"""Share of a later split's values that the training split must have. New values are normal (new films, new devices:
out-of-vocabulary buckets take them), but if fewer than half are known, the column holds something else."""


class ExpectedSchemaError(Exception):
    """A curated schema that does not match the configuration; the message has one line for each mistake."""


def expected_schema(config: IngestionConfig, inferred: schema_pb2.Schema) -> schema_pb2.Schema:
    """Return the schema of raw examples.

    Single values must be present, exactly one in every example; lists and histories may be empty. Labels and masks lie
    between 0 and 1. Ids and histories have no domain of values; an attribute of the target has the inferred one, if it
    has few values, and `MIN_KNOWN_SHARE` of its later values must be in it.

    Args:
        config: the configuration of the log.
        inferred: the schema inferred from the statistics of the training split.

    Returns:
        A schema from which examples are parsed by `raw_feature_spec(config, with_labels=True)`.
    """
    spec = raw_feature_spec(config, with_labels=True)
    schema = schema_pb2.Schema()
    for name in sorted(spec):
        feature = schema.feature.add(name=name, type=SCHEMA_TYPES[spec[name].dtype])
        if isinstance(spec[name], tf.io.FixedLenFeature):
            feature.presence.min_fraction = 1.0
            feature.presence.min_count = 1
            feature.shape.SetInParent()
    features = {feature.name: feature for feature in schema.feature}
    for name in _unit_interval_features(config):
        features[name].float_domain.CopyFrom(schema_pb2.FloatDomain(min=0.0, max=1.0, disallow_nan=True))
    for name in (feature_names.HISTORY_AGE, feature_names.HISTORY_COUNT):
        features[name].int_domain.min = 0
    values = {domain.name: domain for domain in inferred.string_domain}
    domains = {feature.name: values[feature.domain] for feature in inferred.feature if feature.domain}
    for attribute in config.features.target_attributes():
        if attribute.kind != "numeric" and attribute.name in domains:
            schema.string_domain.add(name=attribute.name, value=domains[attribute.name].value)
            features[attribute.name].domain = attribute.name
            features[attribute.name].distribution_constraints.min_domain_mass = MIN_KNOWN_SHARE
    return schema


def curated_schema(config: IngestionConfig, text: str) -> schema_pb2.Schema:
    """Parse and check a schema that a person wrote, to be used instead of the expected one.

    Args:
        config: the configuration of the log.
        text: a `Schema` as protobuf text (pbtxt).

    Raises:
        ExpectedSchemaError: if the text is not a schema, or a feature is missing or has another type or shape.
    """
    schema = schema_pb2.Schema()
    try:
        text_format.Parse(text, schema)
        spec = schema_utils.schema_as_feature_spec(schema).feature_spec
    except (text_format.ParseError, ValueError) as error:
        raise ExpectedSchemaError(f"the curated schema cannot be read: {error}") from None
    problems = []
    for name, expected in sorted(raw_feature_spec(config, with_labels=True).items()):
        if name not in spec:
            problems.append(f"the curated schema should have feature `{name}` ({_describe(expected)}), it is missing")
        elif spec[name] != expected:
            problems.append(
                f"feature `{name}` of the curated schema should be {_describe(expected)}, "
                f"received {_describe(spec[name])}"
            )
    if problems:
        raise ExpectedSchemaError("\n".join(problems))
    return schema


def _unit_interval_features(config: IngestionConfig) -> list[str]:
    """Return the features whose values lie between 0 and 1."""
    names = [feature_names.SAMPLING_PROBABILITY]
    if config.data.events.true_probability is not None:
        names.append(feature_names.TRUE_PROBABILITY)
    return names + label_features(config)


def _describe(feature: RawFeature) -> str:
    """Return what values a feature has, for error messages."""
    dtype = tf.as_dtype(feature.dtype).name
    if isinstance(feature, tf.io.VarLenFeature):
        return f"any number of {dtype} values"
    if isinstance(feature, tf.io.FixedLenFeature):
        return f"one {dtype} value" if list(feature.shape) == [] else f"{dtype} values of shape {list(feature.shape)}"
    return f"{type(feature).__name__} of {dtype}"
