"""What surrounds a step's Beam job: checks before it, checks after it, and no leftovers where it fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.types.standard_artifacts import Model

from interestflow.beam_runner.guard import guard_step
from interestflow.beam_runner.places import BeamRunnerError


def model(folder: Path) -> dict[str, list[Model]]:
    artifact = Model()
    artifact.uri = str(folder)
    return {"model": [artifact]}


def write_and_stop(folder: Path) -> None:
    """Write leftovers and one finished file as a step does, then end with an interruption."""
    with guard_step(["--runner=FnApiRunner"], {}, model(folder)):
        (folder / ".scratch-1").mkdir()
        (folder / "data.unfinished").touch()
        (folder / "data").touch()
        raise KeyboardInterrupt


def test_a_step_that_fails_leaves_nothing_unfinished(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_and_stop(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["data"]


def test_a_local_folder_is_refused_before_the_step_runs(tmp_path: Path) -> None:
    with (
        pytest.raises(BeamRunnerError, match=rf"^input `model` should be on .*, received {tmp_path}, which is local$"),
        guard_step(["--runner=DataflowRunner"], model(tmp_path), {}),
    ):
        raise AssertionError("the step ran")


def test_an_output_that_is_not_there_fails_the_step(tmp_path: Path) -> None:
    arguments = ["--runner=DataflowRunner", "--shared_folder=/"]
    with (
        pytest.raises(BeamRunnerError, match=r"^output `model` should be in .* but there is no file;"),
        guard_step(arguments, {}, model(tmp_path / "missing")),
    ):
        pass
    with guard_step(arguments, {}, model(tmp_path)):
        (tmp_path / "saved_model.pb").touch()
