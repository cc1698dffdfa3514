"""Examples that agree with their log pass the leak check; others stop the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tensorflow as tf

from interestflow.pipeline.artifacts import types as artifacts
from interestflow.pipeline.components.leak_check import LeakCheck
from interestflow.pipeline.config import load
from interestflow.transforms.leakage.check import LeakError
from tests.object_stores import ObjectStore
from tests.pipeline.components.conftest import Ingested, ingest_log, write_log
from tests.pipeline.components.step_execution import execute, make_artifact


def test_what_was_checked_is_written(ingested: Ingested, tmp_path: Path) -> None:
    report = make_artifact(tmp_path / "report", artifacts.LeakReportArtifact)
    config = ingested.config.model_dump_json()
    execute(LeakCheck, {"examples": ingested.examples}, {"report": report}, config=config)
    assert json.loads(Path(report.uri, "leak_check.json").read_text())


def test_examples_of_another_log_stop_the_run(ingested: Ingested, tmp_path: Path) -> None:
    report = make_artifact(tmp_path / "report", artifacts.LeakReportArtifact)
    other = write_log(tmp_path / "log", seed=2).model_dump_json()
    with pytest.raises(LeakError):
        execute(LeakCheck, {"examples": ingested.examples}, {"report": report}, config=other)
    assert list(Path(report.uri).iterdir()) == []


def test_a_log_in_an_object_store_gives_the_same_examples_and_passes(
    ingested: Ingested, tmp_path: Path, s3: ObjectStore
) -> None:
    s3.write({"logs/events.csv": Path(str(ingested.config.data.folder), "events.csv").read_bytes()})
    write_log(tmp_path / "elsewhere", seed=2)
    config = load(tmp_path / "elsewhere" / "shop.yaml", f"{s3.url}/logs").ingestion()
    remote = ingest_log(tmp_path, config)
    for split in ("train", "validation", "test"):
        assert read_examples(remote, split) == read_examples(ingested, split) != []
    report = make_artifact(tmp_path / "checked", artifacts.LeakReportArtifact)
    execute(LeakCheck, {"examples": remote.examples}, {"report": report}, config=config.model_dump_json())
    assert json.loads(Path(report.uri, "leak_check.json").read_text())
    assert list(s3.files()) == ["logs/events.csv"]  # no scratch file is left


def read_examples(ingested: Ingested, split: str) -> list[dict[str, object]]:
    """Return the features of the examples of a split, in their order; protobuf maps have none."""
    files = sorted(str(path) for path in Path(ingested.examples.uri, f"Split-{split}").glob("*.gz"))
    records = tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()
    examples = [tf.train.Example.FromString(record) for record in records]
    return [{name: str(feature) for name, feature in example.features.feature.items()} for example in examples]
