"""Examples of a log become columns by split, as TFX executes the step."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import tensorflow_transform as tft
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import artifact_utils, standard_artifacts

from interestflow.pipeline.components.expected_schema import SCHEMA_FILE
from interestflow.pipeline.components.feature_transform import FeatureTransform
from interestflow.transforms.ingestion.counts import IngestionCounts
from interestflow.transforms.schema.expected_schema import expected_schema
from tests.pipeline.components.conftest import Ingested
from tests.pipeline.components.step_execution import execute, make_artifact


def test_the_examples_of_training_and_validation_are_transformed_and_the_test_split_is_not(
    ingested: Ingested, tmp_path: Path
) -> None:
    schema = make_artifact(tmp_path / "schema", standard_artifacts.Schema)
    expected = expected_schema(ingested.config, schema_pb2.Schema())
    (tmp_path / "schema" / SCHEMA_FILE).write_text(text_format.MessageToString(expected))
    graph = make_artifact(tmp_path / "graph", standard_artifacts.TransformGraph)
    transformed = make_artifact(tmp_path / "transformed", standard_artifacts.Examples)
    execute(
        FeatureTransform, {"examples": ingested.examples, "schema": schema},
        {"transform_graph": graph, "transformed_examples": transformed},
        config=ingested.config.model_dump_json(), code_fingerprint="code",
    )  # fmt: skip
    assert artifact_utils.decode_split_names(transformed.split_names) == ["train", "validation"]
    counts = IngestionCounts.model_validate_json(Path(ingested.report.uri, "counts.json").read_text())
    for split in ("train", "validation"):
        files = sorted(Path(transformed.uri, f"Split-{split}").iterdir())
        tables = [pa.ipc.open_file(str(file)).read_all() for file in files]
        assert sum(table.num_rows for table in tables) == counts.examples[split]
        assert all(len(history) <= 5 for table in tables for history in table["history_item"].to_pylist())
    assert not Path(transformed.uri, "Split-test").exists()
    assert len(tft.TFTransformOutput(graph.uri).vocabulary_by_name("item")) == 8
