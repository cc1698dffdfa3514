"""Local folders are refused by key before anything runs, and what a killed run left is removed."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from interestflow.beam_runner.places import BeamRunnerError
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.beam_places import check_places, clean_folders
from interestflow.pipeline.folders import Folders
from tests.pipeline.dag.small_configs import RANKER, load_text

STEPS = ["InputFinder", "LogExampleGen", "StatisticsGen", "Trainer"]


def config(folder: Path, beam: str, data: str = "") -> PipelineConfig:
    text = RANKER.replace("data:\n", f"data:\n  folder: {data}\n") if data else RANKER
    return load_text(folder, f"{text}beam: {beam}\n")


@pytest.mark.parametrize(
    ("beam", "data", "refused"),
    [
        ("{runner: FlinkRunner}", "/logs", "`--runs-folder` should be .* FlinkRunner see, received /nfs/shop"),
        ("{runner: FlinkRunner, shared_folder: /nfs}", "/logs", "`data.folder` should be .*, received /logs, which is"),
        ("{runner: FlinkRunner, shared_folder: /nfs}", "/nfs/logs", None),
        ("{runner: FlinkRunner, shared_folder: /nfs}", "s3://shop/logs", None),
        ("{runner: FlinkRunner, shared_folder: true}", "/logs", None),
        ("{runner: multi_processing}", "/logs", None),
        ("{steps: {StatisticsGen: {runner: FlinkRunner}}}", "/logs", "`--runs-folder` should be"),
        ("{steps: {Evaluator: {runner: FlinkRunner}}}", "/logs", None),
        ("{steps: {StatisticsGen: {runner: FlinkRunner}}, shared_folder: /nfs}", "/logs", None),
    ],
)  # fmt: skip
def test_a_local_folder_is_refused_by_its_key(beam: str, data: str, refused: str | None, tmp_path: Path) -> None:
    if refused is None:
        check_places(config(tmp_path, beam, data), Folders("/nfs/shop"), STEPS)
        return
    with pytest.raises(BeamRunnerError, match=refused):
        check_places(config(tmp_path, beam, data), Folders("/nfs/shop"), STEPS)


def test_leftovers_of_a_killed_run_are_removed_unless_another_run_goes_on(tmp_path: Path) -> None:
    folders = Folders(str(tmp_path / "shop"))
    leftovers = [
        tmp_path / "shop/artifacts/LogExampleGen/examples/3/.scratch-1/block",
        tmp_path / "shop/artifacts/Transform/transformed_examples/4/Split-train/columns.unfinished",
    ]
    other = tmp_path / "shop/artifacts/Trainer/model/5/state.unfinished"  # the step cleans up itself
    for file in (*leftovers, other):
        file.parent.mkdir(parents=True)
        file.touch()
    with open(tmp_path / "shop/.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with clean_folders(folders):
            assert all(file.exists() for file in leftovers)
    with clean_folders(folders):
        assert not any(file.exists() for file in leftovers)
    assert other.exists()
