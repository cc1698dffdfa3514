"""A job that reported success and whose output is not there, not whole or not complete is refused in one sentence."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.types.standard_artifacts import Examples, ExampleStatistics, TransformGraph

from interestflow.beam_runner.outputs import check_outputs, count_examples
from interestflow.beam_runner.places import BeamRunnerError
from interestflow.pipeline.artifacts.types import IngestionReportArtifact

ELSEWHERE = PipelineOptions(["--runner=FlinkRunner"])


def artifact(folder: Path, kind: type[Artifact], splits: list[str] | None = None) -> Artifact:
    made = kind()
    made.uri = str(folder)
    if splits is not None:
        made.split_names = artifact_utils.encode_split_names(splits)
    return made


def write_records(file: Path, count: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(file), "GZIP") as writer:
        for index in range(count):
            writer.write(b"x" * index)


def write_columns(file: Path, count: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({"item": list(range(count))})
    with pa.ipc.new_file(str(file), table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table, max_chunksize=3)


def problem(inputs: dict[str, Artifact], outputs: dict[str, Artifact]) -> str:
    with pytest.raises(BeamRunnerError) as refused:
        check(inputs, outputs)
    return str(refused.value)


def check(inputs: dict[str, Artifact], outputs: dict[str, Artifact], options: PipelineOptions = ELSEWHERE) -> None:
    check_outputs(
        options, {key: [value] for key, value in inputs.items()}, {key: [value] for key, value in outputs.items()}
    )


@pytest.fixture
def ingested(tmp_path: Path) -> dict[str, Artifact]:
    """Return the outputs of an ingestion of five training and two test examples."""
    write_records(tmp_path / "examples/Split-train/data-00000-of-00002.gz", 3)
    write_records(tmp_path / "examples/Split-train/data-00001-of-00002.gz", 2)
    write_records(tmp_path / "examples/Split-test/data-00001-of-00002.gz", 2)
    (tmp_path / "report").mkdir()
    (tmp_path / "report/counts.json").write_text(json.dumps({"examples": {"train": 5, "test": 2}}))
    return {
        "examples": artifact(tmp_path / "examples", Examples, ["train", "test"]),
        "report": artifact(tmp_path / "report", IngestionReportArtifact),
    }


def test_an_ingestion_has_every_example_of_its_report(tmp_path: Path, ingested: dict[str, Artifact]) -> None:
    check({}, ingested)
    last = tmp_path / "examples/Split-train/data-00001-of-00002.gz"
    content = last.read_bytes()
    last.unlink()
    assert problem({}, ingested) == (
        f"output `examples` should be in {tmp_path}/examples after FlinkRunner reported success, but split train has "
        "3 of 5 examples; do all workers see this folder?"
    )
    check({}, ingested, PipelineOptions(["--runner=FnApiRunner"]))  # whose workers write to this disk
    last.write_bytes(content[:-9])
    assert f"but {last} is not whole; " in problem({}, ingested)
    (tmp_path / "report/counts.json").unlink()
    assert "but there is no report of how many examples were written; " in problem({}, ingested)


def test_transformed_examples_are_as_many_as_the_examples(tmp_path: Path, ingested: dict[str, Artifact]) -> None:
    examples = {"examples": ingested["examples"]}
    transformed = {"transformed_examples": artifact(tmp_path / "transformed", Examples, ["train"])}
    file = tmp_path / "transformed/Split-train/columns-00000-of-00001.arrow"
    write_columns(file, 5)
    check(examples, transformed)
    content = file.read_bytes()
    write_columns(file, 4)
    assert "but split train has 4 of 5 examples; " in problem(examples, transformed)
    file.write_bytes(content[: len(content) // 2])
    assert f"but {file} is not whole; " in problem(examples, transformed)


def test_a_transform_graph_has_its_files(tmp_path: Path) -> None:
    graph = {"transform_graph": artifact(tmp_path, TransformGraph)}
    assert "but it has no file transform_fn/saved_model.pb; " in problem({}, graph)
    for name in ("transform_fn/saved_model.pb", "transformed_metadata/schema.pbtxt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    check({}, graph)


def test_statistics_of_every_split_can_be_parsed(tmp_path: Path) -> None:
    statistics = {"statistics": artifact(tmp_path, ExampleStatistics, ["train"])}
    assert "but split train has no file FeatureStats.pb; " in problem({}, statistics)
    content = statistics_pb2.DatasetFeatureStatisticsList()
    content.datasets.add(name="train", num_examples=7)
    (tmp_path / "Split-train").mkdir()
    file = tmp_path / "Split-train/FeatureStats.pb"
    file.write_bytes(content.SerializeToString())
    check({}, statistics)
    file.write_bytes(content.SerializeToString()[:-2])
    assert "but FeatureStats.pb of split train cannot be parsed; " in problem({}, statistics)
    file.write_bytes(b"")
    assert "but FeatureStats.pb of split train has no examples; " in problem({}, statistics)


def test_any_other_output_has_files(tmp_path: Path) -> None:
    report = {"report": artifact(tmp_path, IngestionReportArtifact)}
    assert "but there is no file; " in problem({}, report)
    (tmp_path / "counts.json").write_text("{}")
    check({}, report)


def test_examples_are_counted_in_records_that_are_not_compressed_too(tmp_path: Path) -> None:
    write_records(tmp_path / "packed.gz", 4)
    (tmp_path / "plain").write_bytes(gzip.decompress((tmp_path / "packed.gz").read_bytes()))
    assert count_examples(str(tmp_path)) == 8
