"""A compiled pipeline runs as the Kubeflow backend would run it, with everything that it keeps on an S3 server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

from interestflow.pipeline.config import load
from interestflow.pipeline.dag.compile import compile_config
from interestflow.transforms.generator.config import LogGeneratorConfig
from interestflow.transforms.generator.generate import generate_log
from interestflow.transforms.generator.log_files import write_log
from tests.object_stores import S3_CREDENTIALS, ObjectStore, s3_client

pytestmark = pytest.mark.end_to_end

CONFIG = """
name: tiny
data:
  folder: BUCKET/logs
  events: {path: "events*.parquet", format: parquet, user: user, item: item, timestamp: timestamp, timestamp_unit: ms}
  items: {path: items.parquet, format: parquet, id: item}
tasks:
  - {name: click, label: {column: click}}
sequence: {behaviours: {column: click}, max_length: 20}
features:
  attributes: [{name: category, from: items, use: [target, history]}]
model: {name: din, embedding_dimension: 4, attention_units: [8], tower_units: [8]}
training: {batch_size: 256, epochs: 2}
evaluation: {compare_with_baseline: false, gate: {at_least: {auc: 0.2}, champion_margin: {auc: 1.0}}}
storage: {serving_folder: BUCKET/pushed, backups_folder: BUCKET/backups}
kubeflow:
  image: ghcr.io/shop/interestflow:1.0
  pipeline_root: BUCKET/artifacts
  retries: 0
  environment: {AWS_ENDPOINT_URL: "ADDRESS", AWS_DEFAULT_REGION: us-east-1}
  secrets: [{name: store, env: {AWS_ACCESS_KEY_ID: accesskey, AWS_SECRET_ACCESS_KEY: secretkey}}]
"""
FINDERS = {"InputFinder", "ChampionFinder"}
SECRET = "a-secret-that-must-not-be-written"


@dataclass(frozen=True)
class Cluster:
    """A store with a log, a compiled specification, and the folder that run-compiled keeps."""

    store: ObjectStore
    folder: Path

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run the specification as one run of the backend; return exit code and output."""
        command = [
            sys.executable, "-m", "interestflow", "run-compiled", str(self.folder / "tiny-pipeline.yaml"),
            "--state", str(self.folder / "state"), "--object-store", "live", *arguments,
        ]  # fmt: skip
        environment = os.environ | self.store.environment | {"AWS_SECRET_ACCESS_KEY": SECRET, "COLUMNS": "200"}
        completed = subprocess.run(command, capture_output=True, text=True, timeout=1200, env=environment)
        return completed.returncode, completed.stdout + completed.stderr

    def keys(self, prefix: str) -> list[str]:
        """Return the keys of the bucket below a prefix."""
        pages = s3_client(self.store).get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.store.bucket, Prefix=prefix)
        return [item["Key"] for page in found for item in page.get("Contents", ())]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, s3_endpoint: str) -> Cluster:
    folder = tmp_path_factory.mktemp("cluster")
    store = ObjectStore(
        "s3", s3_endpoint, f"bucket-{uuid.uuid4().hex[:12]}", S3_CREDENTIALS | {"AWS_ENDPOINT_URL": s3_endpoint}
    )
    s3_client(store).create_bucket(Bucket=store.bucket)
    log = generate_log(LogGeneratorConfig(events=4000, users=150, items=200, categories=10, days=10))
    write_log(log, folder / "log", "parquet")
    store.write({f"logs/{file.name}": file.read_bytes() for file in (folder / "log").iterdir()})
    text = CONFIG.replace("BUCKET", store.url).replace("ADDRESS", s3_endpoint)
    (folder / "tiny.yaml").write_text(text)
    compile_config(load(folder / "tiny.yaml"), folder / "tiny-pipeline.yaml")
    return Cluster(store, folder)


@pytest.fixture(scope="module")
def first(cluster: Cluster) -> tuple[int, str]:
    return cluster.run()


def steps(output: str, outcome: str) -> set[str]:
    """Return the steps that ended with an outcome."""
    return set(re.findall(rf"^\S (\w+) +{outcome}\b", output, flags=re.MULTILINE))


def test_every_step_runs_and_the_model_is_pushed_to_the_store(first: tuple[int, str], cluster: Cluster) -> None:
    code, output = first
    assert code == 0, output
    assert {"InputFinder", "LogExampleGen", "LeakCheck", "Transform", "Trainer", "Pusher"} <= steps(output, "done")
    pushed = cluster.keys("pushed/tiny/")
    assert len({key.split("/")[2] for key in pushed}) == 1
    assert any(key.endswith("/saved_model.pb") for key in pushed)
    # Kept, since the launcher stores the trained model only after the step.
    assert {key.split("/")[1:3] == ["tiny", "model"] for key in cluster.keys("backups/")} == {True}
    assert {key.split("/")[1] for key in cluster.keys("artifacts/")} == {"tiny"}


def test_an_unchanged_run_runs_only_the_finders(first: tuple[int, str], cluster: Cluster) -> None:
    code, output = cluster.run()
    assert code == 0, output
    assert steps(output, "done") == FINDERS
    assert "Trainer" in steps(output, "cached")
    assert len({key.split("/")[2] for key in cluster.keys("pushed/tiny/")}) == 1


def test_another_model_is_compared_with_the_champion_and_a_refusal_skips_the_push(
    first: tuple[int, str], cluster: Cluster
) -> None:
    code, output = cluster.run("-p", "learning_rate=0.1", "-p", 'gate={"at_least": {"auc": 0.999}}')
    assert code == 2, output
    assert steps(output, "done") == {
        *FINDERS, "Trainer", "Evaluator", "QualityGate", "ServingValidator",
    }  # fmt: skip
    assert steps(output, "skipped") == {"Pusher"}
    (evaluation,) = (
        key for key in cluster.keys("artifacts/") if key.endswith("evaluation.json") and is_compared(cluster, key)
    )
    assert evaluation.split("/")[3] == "Evaluator"
    assert len({key.split("/")[2] for key in cluster.keys("pushed/tiny/")}) == 1


def is_compared(cluster: Cluster, key: str) -> bool:
    """Return whether an evaluation has a champion."""
    body = s3_client(cluster.store).get_object(Bucket=cluster.store.bucket, Key=key)["Body"].read()
    return json.loads(body)["champion"] is not None


def test_a_log_that_was_changed_is_read_and_a_failure_ends_the_run_with_its_reason(
    first: tuple[int, str], cluster: Cluster
) -> None:
    cluster.store.write({"logs/events-2.parquet": b"not a Parquet file"})
    code, output = cluster.run()
    assert code == 1, output
    assert steps(output, "done") == {"InputFinder"}
    assert steps(output, "failed") == {"LogExampleGen"}
    assert re.search(r"LogExampleGen failed: .*events-2\.parquet", output), output
    assert "Traceback" not in output


def test_credentials_are_written_nowhere(first: tuple[int, str], cluster: Cluster) -> None:
    files = [file for file in cluster.folder.rglob("*") if file.is_file()]
    assert not [file for file in files if SECRET.encode() in file.read_bytes()]
    assert not [key for key, content in cluster.store.files().items() if SECRET.encode() in content]
