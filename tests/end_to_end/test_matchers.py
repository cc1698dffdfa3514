"""A run of a matcher ends with its report, and a ranker's metric in its configuration is rejected."""

import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.commands import run

pytestmark = pytest.mark.end_to_end

CONFIG = """
name: tiny
generate: {events: 4000, users: 150, items: 200, categories: 10, days: 10}
data:
  folder: FOLDER/logs
  events: {path: events.parquet, format: parquet, user: user, item: item, timestamp: timestamp, timestamp_unit: ms}
  items: {path: items.parquet, format: parquet, id: item}
  users: {path: users.parquet, format: parquet, id: user}
tasks:
  - {name: click, label: {column: click}}
  - {name: seen, label: {every_event: true}}
sequence: {behaviours: {column: click}, max_length: 20}
features:
  user: {in_model: true}
  attributes:
    - {name: category, from: items, use: [target, history]}
    - {name: device, from: events}
model: {name: two_tower, embedding_dimension: 4}
baseline: {name: two_tower, embedding_dimension: 4}
training: {batch_size: 128, epochs: 1}
evaluation:
  gate: {at_least: {METRIC: 0.01}}
"""


def interestflow(folder: Path, metric: str) -> subprocess.CompletedProcess[str]:
    config = folder / "tiny.yaml"
    config.write_text(CONFIG.replace("FOLDER", str(folder)).replace("METRIC", metric))
    return run(config, folder / "runs")


def test_the_closing_table_has_counts_metrics_and_verdict(tmp_path: Path) -> None:
    first = interestflow(tmp_path, "recall_50")
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stderr == ""
    for word in (
        "items examples", "recall@50", "NDCG@10", "two_tower", "(baseline)", "popularity", "popularity tail",
        "first task, click, alone", "were left out", "items retrieved", "blessed",
    ):  # fmt: skip
        assert word in first.stdout, first.stdout


def test_a_rankers_metric_is_refused_by_its_key(tmp_path: Path) -> None:
    failed = interestflow(tmp_path, "auc")
    assert failed.returncode == 1
    assert "`evaluation.gate.at_least.auc` is a metric of rankers, but two_tower is a matcher" in failed.stderr
    assert "Traceback" not in failed.stderr
