"""Step that writes the schema of the examples."""

import posixpath

import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types.standard_artifacts import Schema
from tfx.v1.dsl.components import InputArtifact, OutputArtifact, Parameter, component

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.schema.expected_schema import curated_schema, expected_schema

SCHEMA_FILE = "schema.pbtxt"
"""File name of a schema in TFX's own steps."""


@component
def ExpectedSchema(
    inferred: InputArtifact[Schema],
    schema: OutputArtifact[Schema],
    config: Parameter[str],
    curated: Parameter[str] = "",
) -> None:
    """Write the schema that statistics are checked against and examples are parsed by.

    Args:
        inferred: schema inferred from the statistics of the training split.
        schema: folder to write to.
        config: an `IngestionConfig` as JSON.
        curated: a schema as protobuf text to use instead, checked against the configuration; "" for none. The text
            rather than its file, so that a changed file is seen and a cluster need not have it.

    Raises:
        ExpectedSchemaError: if a curated schema does not fit the configuration.
    """
    ingestion = IngestionConfig.model_validate_json(config)
    if curated:
        expected = curated_schema(ingestion, curated)
    else:
        with tf.io.gfile.GFile(posixpath.join(inferred.uri, SCHEMA_FILE)) as file:
            expected = expected_schema(ingestion, text_format.Parse(file.read(), schema_pb2.Schema()))
    with tf.io.gfile.GFile(posixpath.join(schema.uri, SCHEMA_FILE), "w") as file:
        file.write(text_format.MessageToString(expected))
