"""Step after TFX's ExampleValidator that stops a run on anomalies."""

import posixpath

import tensorflow as tf
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import ExampleAnomalies
from tfx.v1.dsl.components import InputArtifact, Parameter, component

from interestflow.pipeline.gates.data import ANOMALIES_FILE, check_anomalies


@component
def DataGate(anomalies: InputArtifact[ExampleAnomalies], fail_on: Parameter[str]) -> None:
    """Stop the run if the examples have anomalies of the given severity.

    Args:
        anomalies: anomalies of all splits, as ExampleValidator writes them.
        fail_on: `error`, `warning` or `never`.

    Raises:
        DataGateError: if there are anomalies of that severity or above; it names each of them.
    """
    by_split = {}
    for split in artifact_utils.decode_split_names(anomalies.split_names):
        path = posixpath.join(artifact_utils.get_split_uri([anomalies], split), ANOMALIES_FILE)
        with tf.io.gfile.GFile(path, "rb") as file:
            by_split[split] = anomalies_pb2.Anomalies.FromString(file.read())
    check_anomalies(by_split, fail_on)
