"""Step that computes the statistics of raw examples, over a sample of each split whose size it records."""

import json
import logging
import posixpath

import apache_beam as beam
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts
from tfx.v1.dsl.components import BeamComponentParameter, InputArtifact, OutputArtifact, Parameter, component

from interestflow.transforms.schema.statistics_job import SAMPLE_FILE, compute_statistics

STATISTICS_STEP = "StatisticsGen"
"""Id of the step: the name under which Kubeflow's settings and users know it."""


@component(use_beam=True)
def SampledStatistics(
    examples: InputArtifact[standard_artifacts.Examples],
    statistics: OutputArtifact[standard_artifacts.ExampleStatistics],
    max_examples: Parameter[int],
    exclude_splits: Parameter[str] = "",
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Compute the statistics from which a schema is inferred and against which it is checked.

    Args:
        examples: raw examples.
        statistics: folder to write to, as TFX's StatisticsGen does, with `sample.json` beside it: for each split, the
            number of its examples and of those described.
        max_examples: about the largest number of examples of a split to describe.
        exclude_splits: names of splits to leave out, separated by commas.
        beam_pipeline: Beam pipeline, given by TFX.
    """
    excluded = exclude_splits.split(",")
    splits = [split for split in artifact_utils.decode_split_names(examples.split_names) if split not in excluded]
    statistics.split_names = artifact_utils.encode_split_names(splits)
    with beam_pipeline as pipeline:
        compute_statistics(pipeline, examples.uri, splits, max_examples, statistics.uri)
    with tf.io.gfile.GFile(posixpath.join(statistics.uri, SAMPLE_FILE)) as file:
        for split, size in json.load(file).items():
            logging.info("statistics of %s: %d of %d examples", split, size["sampled"], size["examples"])
