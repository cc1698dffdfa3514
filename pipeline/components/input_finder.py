"""Step that finds the input files: every run begins with it, and so sees logs that came after it was compiled."""

import dataclasses
import json
import posixpath

import tensorflow as tf
from tfx.v1.dsl.components import OutputArtifact, OutputDict, Parameter, component

from interestflow.pipeline.artifacts import types as artifacts
from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.reading.input_files import find_input_files, input_digest

INPUT_FILES = "input_files.json"


@component
def InputFinder(
    inputs: OutputArtifact[artifacts.InputFilesArtifact],
    config: Parameter[str],
    span: Parameter[str],
    scheduled_time: Parameter[str],
    state: Parameter[str],
) -> OutputDict(fingerprint=str):  # type: ignore[valid-type]
    """Write `input_files.json`, the files that this run reads, and return their digest as `fingerprint`.

    Args:
        inputs: folder to write to.
        config: an `IngestionConfig` as JSON.
        span: span of the log to read; "" for `data.span`.
        scheduled_time: time for which a recurring run was scheduled, recorded beside the files; "" for none.
        state: digest of the files where it is known before the step runs, so that an earlier result is reused only
            while it holds; "" where the step is never cached.

    Returns:
        The digest, on which caching of ingestion and the model's fingerprint depend.

    Raises:
        TableError: if a table has no file, or if its file system cannot be listed.
    """
    del state  # TFX compares it
    ingestion = IngestionConfig.model_validate_json(config).with_span(span)
    files = find_input_files(ingestion)
    document = {
        "span": ingestion.data.span,
        "scheduled_time": scheduled_time,
        "files": [dataclasses.asdict(file) for file in files],
    }
    with tf.io.gfile.GFile(posixpath.join(inputs.uri, INPUT_FILES), "w") as file:
        file.write(json.dumps(document, indent=2) + "\n")
    return {"fingerprint": input_digest(files)}
