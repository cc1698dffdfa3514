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
    assert (Folders.local(config).keeps_backups, Folders.on_cluster(config).keeps_backups) == (False, True)
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


def load_with(folder: Path, sections: str) -> PipelineConfig:
    (folder / "shop.yaml").write_text(CONFIG + sections)
    return load(folder / "shop.yaml")


def test_models_and_backups_lie_where_the_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")  # a relative path is relative to the file
    folders = Folders.local(
        load_with(tmp_path, "storage: {serving_folder: pushed, backups_folder: 's3://bucket/backups/'}"), "/runs"
    )
    assert folders.serving == f"{tmp_path}/pushed/shop"
    assert folders.backups == "s3://bucket/backups/shop"
    assert folders.report == "/runs/shop/report.json"


def test_on_a_cluster_they_are_below_the_pipeline_root(tmp_path: Path) -> None:
    folders = Folders.on_cluster(load_with(tmp_path, "kubeflow: {pipeline_root: 'gs://bucket/root/'}"))
    assert (folders.serving, folders.backups) == ("gs://bucket/root/shop/serving/shop", "gs://bucket/root/shop/backups")
    volume = load_with(tmp_path, "kubeflow: {pipeline_root: 'gs://b'}\nstorage: {serving_folder: /mnt/models}")
    assert Folders.on_cluster(volume).serving == "/mnt/models/shop"
