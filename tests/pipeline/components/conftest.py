"""A small random log, and the examples that `LogExampleGen` makes of it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

import pytest
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact

from interestflow.pipeline.artifacts import types as artifacts
from interestflow.pipeline.components.log_example_gen import LogExampleGen
from interestflow.pipeline.config import load
from interestflow.transforms.config import IngestionConfig
from tests.pipeline.components.step_execution import execute, make_artifact

CONFIG = """
name: shop
data:
  events: {path: events.csv, format: csv, user: user, item: item, timestamp: time}
tasks:
  - {name: click, label: {column: click}}
sequence: {max_length: 5}
model: {name: pooled}
"""
EVENTS = 200
MARCH = 1709251200
"""2024-03-01 00:00:00 UTC in seconds."""


def write_log(folder: Path, seed: int) -> IngestionConfig:
    """Write a log of `EVENTS` events of five users and eight items, one every minute, and return its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(seed)
    rows = [
        f"u{draw.randrange(5)},i{draw.randrange(8)},{MARCH + 60 * index},{draw.randrange(2)}" for index in range(EVENTS)
    ]
    (folder / "events.csv").write_text("\n".join(["user,item,time,click", *rows]))
    (folder / "shop.yaml").write_text(CONFIG)
    return load(folder / "shop.yaml").ingestion()


class Ingested(NamedTuple):
    """A log's configuration, its examples and the report of its ingestion."""

    config: IngestionConfig
    examples: Artifact
    report: Artifact


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    """Return the log of seed 1, ingested once for all tests that read its examples."""
    folder = tmp_path_factory.mktemp("ingested")
    return ingest_log(folder, write_log(folder / "log", seed=1))


def ingest_log(folder: Path, config: IngestionConfig, with_items: int = 0) -> Ingested:
    """Execute `LogExampleGen` as TFX does."""
    examples = make_artifact(folder / "examples", standard_artifacts.Examples)
    report = make_artifact(folder / "report", artifacts.IngestionReportArtifact)
    execute(
        LogExampleGen, {}, {"examples": examples, "report": report}, config=config.model_dump_json(),
        input_fingerprint="input", code_fingerprint="code", with_items=with_items,
    )  # fmt: skip
    return Ingested(config, examples, report)
