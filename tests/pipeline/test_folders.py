"""The folder of runs is taken from the option, the environment or the current folder, in this order."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.pipeline.config import PipelineConfig, load
from interestflow.pipeline.folders import Folders

CONFIG = """
name: shop
data: {events: {path: events.csv, format: csv, user: user, item: item, timestamp: time}}
tasks: [{name: click, label: {column: click}}]
model: {name: pooled}
"""


@pytest.fixture
def config(tmp_path: Path) -> PipelineConfig:
    (tmp_path / "shop.yaml").write_text(CONFIG)
    return load(tmp_path / "shop.yaml")


def test_the_option_comes_before_the_environment_and_that_before_the_current_folder(
    config: PipelineConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTERESTFLOW_RUNS", raising=False)
    assert Folders.local(config).root == f"{tmp_path}/runs/shop"
    monkeypatch.setenv("INTERESTFLOW_RUNS", "/environment")
    assert Folders.local(config).root == "/environment/shop"
    assert Folders.local(config, "option").root == f"{tmp_path}/option/shop"


def test_everything_is_below_the_root() -> None:
    folders = Folders("gs://bucket/shop")
    assert folders.serving == "gs://bucket/shop/serving/shop"
    assert folders.report == "gs://bucket/shop/report.json"
    assert {folders.artifacts, folders.metadata, folders.backups, folders.logs} == {
        f"gs://bucket/shop/{name}" for name in ("artifacts", "metadata.sqlite", "backups", "logs")
    }
