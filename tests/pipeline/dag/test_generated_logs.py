"""A log is generated once for the same settings, and again where they change or writing was interrupted."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.generated_logs import ensure_logs, has_generated_logs
from tests.pipeline.dag.small_configs import load_text

CONFIG = """
name: tiny
generate: {events: EVENTS, users: 20, items: 30, categories: 5, days: 3}
data:
  folder: FOLDER/logs
  events: {path: events.csv, format: csv, user: user, item: item, timestamp: timestamp, timestamp_unit: ms}
tasks: [{name: click, label: {column: click}}]
model: {name: pooled}
"""


def config(folder: Path, events: int = 300) -> PipelineConfig:
    return load_text(folder, CONFIG.replace("FOLDER", str(folder)).replace("EVENTS", str(events)))


def test_a_log_is_generated_once(tmp_path: Path) -> None:
    assert not has_generated_logs(config(tmp_path))
    assert ensure_logs(config(tmp_path)) == f"of 300 events in {tmp_path}/logs"
    assert pl.read_csv(tmp_path / "logs" / "events.csv").height == 300
    assert has_generated_logs(config(tmp_path))
    assert ensure_logs(config(tmp_path)) is None


def test_other_settings_and_an_interruption_generate_it_again(tmp_path: Path) -> None:
    ensure_logs(config(tmp_path))
    assert ensure_logs(config(tmp_path, events=310)) == f"of 310 events in {tmp_path}/logs"
    assert pl.read_csv(tmp_path / "logs" / "events.csv").height == 310
    (tmp_path / "logs" / "generated.json").unlink()  # is written last
    assert ensure_logs(config(tmp_path, events=310)) is not None


def test_a_configuration_without_a_generator_needs_nothing(tmp_path: Path) -> None:
    without = config(tmp_path).model_copy(update={"generate": None})
    assert ensure_logs(without) is None
    assert not has_generated_logs(without)
    assert not (tmp_path / "logs").exists()
