"""`interestflow run` pushes a model trained from logs, reuses the cache, and stops at a gate that refuses."""

import json
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
  events: {path: events.parquet, format: parquet, user: user, item: item, timestamp: timestamp, timestamp_unit: ms,
           true_probability: true_probability}
  items: {path: items.parquet, format: parquet, id: item}
  users: {path: users.parquet, format: parquet, id: user}
tasks:
  - {name: click, label: {column: click}}
sequence: {behaviours: {column: click}, max_length: 20}
features:
  attributes:
    - {name: category, from: items, use: [target, history]}
    - {name: device, from: events}
model: {name: din, embedding_dimension: 4, attention_units: [8], tower_units: [8]}
training: {batch_size: 256, epochs: 2}
evaluation: {gate: {at_least: {auc: FLOOR}}}
"""


def interestflow(folder: Path, floor: float) -> subprocess.CompletedProcess[str]:
    config = folder / "tiny.yaml"
    config.write_text(CONFIG.replace("FOLDER", str(folder)).replace("FLOOR", str(floor)))
    return run(config, folder / "runs")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture(scope="module")
def first(folder: Path) -> subprocess.CompletedProcess[str]:
    return interestflow(folder, floor=0.2)


def test_a_run_pushes_a_model_and_says_where(first: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert first.returncode == 0, first.stdout + first.stderr
    (version,) = (folder / "runs" / "tiny" / "serving" / "tiny").iterdir()
    assert (version / "saved_model.pb").exists()
    provenance = json.loads((version / "assets.extra" / "interestflow.json").read_text())
    assert len(provenance["fingerprint"]) == 16
    assert str(version) in first.stdout.replace("\n", "")
    assert first.stderr == ""


def test_the_closing_table_has_counts_metrics_and_verdict(first: subprocess.CompletedProcess[str]) -> None:
    for word in (
        "examples",
        "dead letters",
        "AUC",
        "GAUC",
        "log loss",
        "ECE",
        "din",
        "pooled",
        "best possible",
        "blessed",
    ):
        assert word in first.stdout


def test_a_second_run_is_served_from_the_cache(first: subprocess.CompletedProcess[str], folder: Path) -> None:
    second = interestflow(folder, floor=0.2)
    assert second.returncode == 0, second.stdout + second.stderr
    steps = [line for line in second.stdout.splitlines() if line.startswith(("✓", "=", "✗"))]
    assert len(steps) >= 14
    assert all("served from cache" in line for line in steps), second.stdout
    assert len(list((folder / "runs" / "tiny" / "serving" / "tiny").iterdir())) == 1


def test_a_gate_that_refuses_ends_the_run_with_its_reason(
    first: subprocess.CompletedProcess[str], folder: Path
) -> None:
    refused = interestflow(folder, floor=0.999)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "0.999" in refused.stdout
    assert len(list((folder / "runs" / "tiny" / "serving" / "tiny").iterdir())) == 1
    trained_again = [line for line in refused.stdout.splitlines() if "Trainer" in line and "cache" not in line]
    assert trained_again == []


def test_a_missing_column_ends_the_run_with_one_sentence(folder: Path) -> None:
    config = folder / "bad.yaml"
    config.write_text(
        CONFIG.replace("FOLDER", str(folder)).replace("FLOOR", "0.2").replace("name: device", "name: devise")
    )
    failed = run(config, folder / "bad-runs")
    assert failed.returncode == 1
    assert "devise" in failed.stdout + failed.stderr
    assert "Traceback" not in failed.stdout + failed.stderr
