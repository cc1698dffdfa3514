"""Every matcher from logs to an answer over gRPC, by one command and one configuration whose `model.name` changes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from models.config import HYPERPARAMETERS
from models.matcher_config import MATCHER_HYPERPARAMETERS
from serving.client import Client
from serving.server.configuration import ServerOptions, one_model
from serving.server.server import Server

pytestmark = pytest.mark.end_to_end

INTERESTFLOW = (str(Path(sys.executable).with_name("interestflow")),)

CONFIG = """
name: tiny
generate: {events: 4000, users: 150, items: 200, categories: 10, days: 10}
data:
  folder: FOLDER/logs
  events: {path: events.parquet, format: parquet, user: user, item: item, timestamp: timestamp, timestamp_unit: ms}
  items: {path: items.parquet, format: parquet, id: item}
  users: {path: users.parquet, format: parquet, id: user}
  knowledge_graph: {path: graph.csv, format: csv, head: item, relation: relation, tail: category}
tasks:
  - {name: click, label: {column: click}}
  - {name: seen, label: {every_event: true}}
sequence: {behaviours: {column: click}, max_length: 20}
features:
  user: {in_model: true}
  attributes:
    - {name: category, from: items, use: [target, history]}
    - {name: device, from: events}
model: MODEL
training: {batch_size: 128, epochs: 1}
evaluation:
  compare_with_baseline: BASELINE
  gate: {at_least: {METRIC: 0.01}, champion_margin: {recall_50: 1.0}}
"""
SMALL = {"embedding_dimension": 4, "relation_dimension": 4, "layer_units": [4], "weight_steps": 2, "interests": 2}
"""Of these, a model is given those that it knows."""


def interestflow(
    folder: Path, model: str, baseline: bool = False, metric: str = "recall_50"
) -> subprocess.CompletedProcess[str]:
    known = HYPERPARAMETERS[model].model_fields
    values = {"name": model, **{name: value for name, value in SMALL.items() if name in known}}
    text = CONFIG.replace("FOLDER", str(folder)).replace("MODEL", json.dumps(values)).replace("METRIC", metric)
    config = folder / "tiny.yaml"
    config.write_text(text.replace("BASELINE", str(baseline).lower()))
    return subprocess.run(
        [*INTERESTFLOW, "run", str(config), "--runs-folder", str(folder / "runs")],
        capture_output=True, text=True, timeout=900, env=os.environ | {"COLUMNS": "160"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the generated log, and a graph that says which category an item is of."""
    folder = tmp_path_factory.mktemp("tiny")
    sizes = ["--events", "4000", "--users", "150", "--items", "200", "--categories", "10", "--days", "10"]
    subprocess.run([*INTERESTFLOW, "generate-logs", str(folder / "logs"), *sizes], check=True, timeout=300)
    items = pl.read_parquet(folder / "logs" / "items.parquet").select(
        "item", pl.lit("of").alias("relation"), "category"
    )
    items.write_csv(folder / "logs" / "graph.csv")
    return folder


@pytest.fixture(scope="module")
def first(folder: Path) -> subprocess.CompletedProcess[str]:
    return interestflow(folder, "two_tower", baseline=True)


def test_the_closing_table_has_counts_metrics_and_verdict(first: subprocess.CompletedProcess[str]) -> None:
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stderr == ""
    for word in (
        "items examples", "recall@50", "NDCG@10", "two_tower", "(baseline)", "popularity", "popularity tail",
        "first task, click, alone", "were left out", "items retrieved", "blessed",
    ):  # fmt: skip
        assert word in first.stdout, first.stdout


def test_a_rankers_metric_is_refused_by_its_key(folder: Path) -> None:
    failed = interestflow(folder, "two_tower", metric="auc")
    assert failed.returncode == 1
    assert "`evaluation.gate.at_least.auc` is a metric of rankers, but two_tower is a matcher" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize("model", sorted(MATCHER_HYPERPARAMETERS))
def test_a_matcher_answers_over_grpc(first: subprocess.CompletedProcess[str], folder: Path, model: str) -> None:
    finished = interestflow(folder, model)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    serving = folder / "runs" / "tiny" / "serving" / "tiny"
    newest = max(serving.iterdir(), key=lambda version: int(version.name))
    assert json.loads((newest / "assets.extra" / "interestflow.json").read_text())["model"]["name"] == model
    catalogue = set(pl.read_parquet(folder / "logs" / "items.parquet")["item"])
    history = sorted(catalogue)[:3]
    with (
        Server(ServerOptions(one_model("tiny", str(serving)), poll_seconds=0)) as server,
        Client(f"127.0.0.1:{server.port}", "tiny") as client,
    ):
        asked = {"user": "u1", "history_item": history, "history_age": [300, 200, 100]}
        found = client.retrieve(asked, 10)
    assert len(set(found.items)) == 10
    assert set(found.items) <= catalogue - set(history)
    assert (found.scores[:-1] >= found.scores[1:]).all()
    assert found.version == int(newest.name)
