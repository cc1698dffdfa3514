"""Step from raw examples to transformed ones: TF Transform's graph, and columns in place of TFX's tf.Examples."""

import posixpath

import apache_beam as beam
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples, Schema, TransformGraph
from tfx.v1.dsl.components import BeamComponentParameter, InputArtifact, OutputArtifact, Parameter, component

from interestflow.pipeline.components.expected_schema import SCHEMA_FILE
from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.preprocessing import Preprocessing
from interestflow.transforms.transformed.job import remove_temporary, transform_examples

TRANSFORM_STEP = "Transform"
"""Id of the step: the name under which Kubeflow's settings and users know it."""


@component(use_beam=True)
def FeatureTransform(
    examples: InputArtifact[Examples],
    schema: InputArtifact[Schema],
    transform_graph: OutputArtifact[TransformGraph],
    transformed_examples: OutputArtifact[Examples],
    config: Parameter[str],
    code_fingerprint: Parameter[str],
    with_items: Parameter[int] = 0,
    learn_items: Parameter[int] = 0,
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Learn vocabularies, quantiles and means from the training split, and transform the splits that training reads.

    Args:
        examples: raw examples.
        schema: schema that they are parsed by.
        transform_graph: TF Transform's graph and vocabularies, as `tft.TFTransformOutput` reads them.
        transformed_examples: columns of model inputs; see `interestflow.transforms.transformed.format`.
        config: an `IngestionConfig` as JSON.
        code_fingerprint: digest of the code; an earlier result is reused while it is the same.
        with_items: 1 to transform the split of items too, which matchers retrieve from.
        learn_items: 1 to give each of these items its own id, seen in training or not.
        beam_pipeline: Beam pipeline, given by TFX.

    Raises:
        TransformJobError: if there are no examples to learn from.
    """
    del code_fingerprint  # TFX compares it
    preprocessing = Preprocessing(IngestionConfig.model_validate_json(config), bool(with_items), bool(learn_items))
    transformed_examples.split_names = artifact_utils.encode_split_names(preprocessing.transformed_splits)
    with tf.io.gfile.GFile(posixpath.join(schema.uri, SCHEMA_FILE)) as file:
        parsed_schema = text_format.Parse(file.read(), schema_pb2.Schema())
    with beam_pipeline as pipeline:
        transform_examples(
            pipeline, preprocessing, parsed_schema, examples.uri, transform_graph.uri, transformed_examples.uri
        )
    remove_temporary(transform_graph.uri)
