"""Checks that the outputs that a Beam job reported are where the submitting side looks for them.

A worker on another machine writes a local path to its own disk, and the job ends with success.
"""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Mapping, Sequence

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact

from interestflow.beam_runner.places import BeamRunnerError, has_workers_elsewhere, runner_name

Artifacts = Mapping[str, Sequence[Artifact]]
COUNTS_FILE = "counts.json"
STATISTICS_FILE = "FeatureStats.pb"
GRAPH_FILES = ("transform_fn/saved_model.pb", "transformed_metadata/schema.pbtxt")
HEADER, FOOTER = 12, 4
"""Bytes of a TFRecord before and after its content: length and checksum, and a checksum."""


def folders_of(artifacts: Artifacts, kind: str) -> dict[str, str]:
    """Return the folder or URL of each artifact by what a message should call it, such as "input `examples`"."""
    return {
        f"{kind} `{key if len(values) == 1 else f'{key}.{index}'}`": artifact.uri
        for key, values in artifacts.items()
        for index, artifact in enumerate(values)
    }


def check_outputs(options: PipelineOptions, inputs: Artifacts, outputs: Artifacts) -> None:
    """Check the outputs of a step whose workers may be elsewhere: they exist, are whole, and have every example.

    Args:
        options: Beam's options.
        inputs: artifacts that the step read.
        outputs: artifacts that it wrote.

    Raises:
        BeamRunnerError: if something is missing, with what is expected and what is there.
    """
    if not has_workers_elsewhere(options):
        return
    FileSystems.set_options(options)  # without any, Beam opens nothing on s3
    expected = _expected_examples(inputs, outputs)
    for key, artifacts in outputs.items():
        for artifact in artifacts:
            problem = _problem(artifact, expected)
            if problem is not None:
                raise BeamRunnerError(
                    f"output `{key}` should be in {artifact.uri} after {runner_name(options)} reported success, but "
                    f"{problem}; do all workers see this folder?"
                )


def _expected_examples(inputs: Artifacts, outputs: Artifacts) -> Mapping[str, int] | None:
    """Return the examples of each split, from the report of an ingestion or else from the files that a step read."""
    for artifacts in outputs.values():
        for artifact in artifacts:
            content = _content(f"{artifact.uri}/{COUNTS_FILE}")
            if content is not None and "examples" in (counts := json.loads(content)):
                return {str(split): int(count) for split, count in counts["examples"].items()}
    if not any(artifact.type_name == "Examples" for artifacts in outputs.values() for artifact in artifacts):
        return None
    for artifacts in inputs.values():
        for artifact in artifacts:
            if artifact.type_name == "Examples":
                splits = artifact_utils.decode_split_names(artifact.split_names)
                return {split: count_examples(f"{artifact.uri}/Split-{split}") for split in splits}
    return None


def _problem(artifact: Artifact, expected: Mapping[str, int] | None) -> str | None:
    """Return what is missing of an artifact, or None."""
    if artifact.type_name == "Examples":
        return _problem_of_examples(artifact, expected)
    if artifact.type_name == "ExampleStatistics":
        return _problem_of_statistics(artifact)
    required = GRAPH_FILES if artifact.type_name == "TransformGraph" else ()
    for name in required:
        if _content(f"{artifact.uri}/{name}") is None:
            return f"it has no file {name}"
    return None if _files(artifact.uri) else "there is no file"


def _problem_of_examples(artifact: Artifact, expected: Mapping[str, int] | None) -> str | None:
    if expected is None:
        return "there is no report of how many examples were written"
    for split in artifact_utils.decode_split_names(artifact.split_names):
        try:
            count = count_examples(f"{artifact.uri}/Split-{split}")
        except BeamRunnerError as error:
            return str(error)
        if count != expected.get(split, 0):
            return f"split {split} has {count:,} of {expected.get(split, 0):,} examples"
    return None


def _problem_of_statistics(artifact: Artifact) -> str | None:
    for split in artifact_utils.decode_split_names(artifact.split_names):
        content = _content(f"{artifact.uri}/Split-{split}/{STATISTICS_FILE}")
        if content is None:
            return f"split {split} has no file {STATISTICS_FILE}"
        statistics = statistics_pb2.DatasetFeatureStatisticsList()
        try:
            statistics.ParseFromString(content)
        except Exception:  # protobuf's own error differs between its implementations
            return f"{STATISTICS_FILE} of split {split} cannot be parsed"
        if not sum(dataset.num_examples for dataset in statistics.datasets):
            return f"{STATISTICS_FILE} of split {split} has no examples"
    return None


def count_examples(folder: str) -> int:
    """Return the number of examples in the files of a split: gzipped TFRecords, or Arrow files of columns.

    Raises:
        BeamRunnerError: if a file is not whole.
    """
    return sum(_count_in_file(path) for path in _files(folder))


def _count_in_file(path: str) -> int:
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        try:
            if path.endswith(".arrow"):
                reader = pa.ipc.open_file(pa.PythonFile(file, mode="r"))
                return sum(reader.get_batch(index).num_rows for index in range(reader.num_record_batches))
            if not path.endswith(".gz"):
                return _count_records(file)
            with gzip.GzipFile(fileobj=file) as content:
                return _count_records(content)
        except (EOFError, OSError, zlib.error, pa.ArrowException, struct.error):
            raise BeamRunnerError(f"{path} is not whole") from None


def _count_records(file: object) -> int:
    """Return the number of TFRecords in an open file."""
    count = 0
    read = file.read  # type: ignore[attr-defined]
    while header := read(HEADER):
        (length,) = struct.unpack("<Q", header[:8])
        if len(read(length + FOOTER)) != length + FOOTER:
            raise EOFError
        count += 1
    return count


def _files(folder: str) -> list[str]:
    """Return the paths of all files below a folder or URL."""
    (match,) = FileSystems.match([f"{folder}/**"])
    return sorted(file.path for file in match.metadata_list if not file.path.endswith("/"))


def _content(path: str) -> bytes | None:
    """Return the content of a file, or None where there is none."""
    if not FileSystems.exists(path):
        return None
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        return bytes(file.read())
