"""Run each of the nine models from logs to an answer over gRPC; only `model` in the configuration differs."""

import json
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from interestflow.models import registry
from interestflow.serving.client import Client
from interestflow.serving.server.configuration import ServerOptions, one_model
from interestflow.serving.server.server import Server
from tests.end_to_end.commands import INTERESTFLOW, run_here

pytestmark = pytest.mark.end_to_end

PLAIN = {"pooled", "shared_bottom", "popularity", "two_tower", "comirec", "bpr_mf"}
SECOND_FORMS = {"hcn_ranker"}

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
sequence: {behaviours: {column: click}, max_length: 20, history_negatives: true}
features:
  user: {in_model: true}
  attributes:
    - {name: category, from: items, use: [target, history]}
    - {name: device, from: events}
model: MODEL
training: {batch_size: 128, epochs: 1}
serving: {candidate_sizes: [10]}
evaluation:
  compare_with_baseline: false
  gate: {champion_margin: {METRIC: 1.0}}
"""
SMALL = {
    "embedding_dimension": 4, "relation_dimension": 4, "layer_units": [4], "weight_steps": 2, "interests": 2,
    "denoising_steps": 2,
}  # fmt: skip
"""Of these, a model is given those that it knows."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the generated log and a graph that links each item to its category."""
    folder = tmp_path_factory.mktemp("tiny")
    sizes = ["--events", "4000", "--users", "150", "--items", "200", "--categories", "10", "--days", "10"]
    subprocess.run([INTERESTFLOW, "generate-logs", str(folder / "logs"), *sizes], check=True, timeout=300)
    items = pl.read_parquet(folder / "logs" / "items.parquet").select(
        "item", pl.lit("of").alias("relation"), "category"
    )
    items.write_csv(folder / "logs" / "graph.csv")
    return folder


@pytest.mark.parametrize("model", sorted(registry.BUILT_IN.keys() - PLAIN - SECOND_FORMS))
def test_it_answers_over_grpc(folder: Path, model: str, capfd: pytest.CaptureFixture[str]) -> None:
    spec = registry.spec(model)
    is_matcher, keys = spec.is_matcher, spec.hyperparameters.model_fields
    values = {"name": model, **{name: value for name, value in SMALL.items() if name in keys}}
    text = CONFIG.replace("FOLDER", str(folder)).replace("MODEL", json.dumps(values))
    config, runs = folder / "tiny.yaml", folder / ("matchers" if is_matcher else "rankers")
    # Earlier models must not become champions to beat: on so small a log every model is as good as chance.
    config.write_text(text.replace("METRIC", "recall_50" if is_matcher else "auc"))
    code, printed = run_here(config, runs, capfd)
    assert code == 0, printed
    serving = runs / "tiny" / "serving" / "tiny"
    version = max(serving.iterdir(), key=lambda folder: int(folder.name))
    assert json.loads((version / "assets.extra" / "interestflow.json").read_text())["model"]["name"] == model
    catalogue = sorted(pl.read_parquet(folder / "logs" / "items.parquet")["item"])
    history = catalogue[:3]
    user = {"user": "u1", "history_item": history, "history_age": [300, 200, 100]}
    with (
        Server(ServerOptions(one_model("tiny", str(serving)), poll_seconds=0)) as server,
        Client(f"127.0.0.1:{server.port}", "tiny") as client,
    ):
        if is_matcher:
            retrieved = client.retrieve(user, 10)
            assert len(set(retrieved.items)) == 10
            assert set(retrieved.items) <= set(catalogue) - set(history)
            assert (retrieved.scores[:-1] >= retrieved.scores[1:]).all()
            assert retrieved.version == int(version.name)
        else:
            ranking = client.rank(user, [{"item": item} for item in catalogue[3:8]])
            scores = ranking.by_task["click"]
            assert scores.shape == (5,)
            assert ((scores > 0.0) & (scores < 1.0)).all()
            assert len(np.unique(scores)) > 1
            assert ranking.version == int(version.name)
