"""Steps are run in order, served from the cache where nothing has changed, and end the run where one fails."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from interestflow.pipeline.beam_override import with_beam
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag import local_runner
from interestflow.pipeline.dag.local_runner import StepFailedError, StepResult, run
from interestflow.pipeline.folders import Folders
from tests.pipeline.dag.small_configs import RANKER, load_text
from tests.pipeline.dag.toy_steps import Double, Options, Unrelated, Write


@pytest.fixture
def config(tmp_path: Path) -> PipelineConfig:
    return load_text(tmp_path, RANKER)


@pytest.fixture
def set_value(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the graph of every configuration be the toy steps, with this value."""

    def replace(value: int) -> None:
        def build(*_: object) -> list[object]:
            write = Write(value=value)
            return [write, Unrelated(), Double(number=write.outputs["number"])]

        monkeypatch.setattr(local_runner, "build_components", build)

    return replace


def test_what_has_not_changed_is_served_from_the_cache(
    config: PipelineConfig, tmp_path: Path, set_value: Callable[[int], None]
) -> None:
    folders, started, finished = Folders(str(tmp_path / "shop")), list[str](), list[StepResult]()
    set_value(21)
    results = run(config, folders, started.append, finished.append)
    assert {name: result.outcome for name, result in results.items()} == dict.fromkeys(started, "done")
    assert finished == list(results.values())
    assert sorted(started) == ["Double", "Unrelated", "Write"]
    assert started.index("Write") < started.index("Double")
    assert Path(results["Double"].outputs["double"], "number").read_text() == "42"
    again = run(config, folders)
    assert {result.outcome for result in again.values()} == {"cached"}
    # A cached result has the folder of the run that wrote it.
    assert again["Double"].outputs == results["Double"].outputs
    set_value(4)
    changed = run(config, folders, until="Double")
    assert {name: result.outcome for name, result in changed.items()} == {"Write": "done", "Double": "done"}
    assert Path(changed["Double"].outputs["double"], "number").read_text() == "8"


def test_a_step_that_fails_ends_the_run_with_its_reason(
    config: PipelineConfig, tmp_path: Path, set_value: Callable[[int], None]
) -> None:
    set_value(-1)
    finished = list[StepResult]()
    with pytest.raises(StepFailedError, match="Double: ToyError: the number is negative") as failed:
        run(config, Folders(str(tmp_path / "shop")), finished=finished.append)
    assert (failed.value.step, failed.value.reason) == ("Double", "ToyError: the number is negative")
    assert (finished[-1].name, finished[-1].outcome, finished[-1].outputs) == ("Double", "failed", {})


def test_another_runner_reaches_the_step_and_takes_its_result_from_the_cache(
    config: PipelineConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_runner, "build_components", lambda *_: [Options()])
    folders = Folders(str(tmp_path / "shop"))

    def options(config: PipelineConfig) -> tuple[str, dict[str, object]]:
        result = run(config, folders)["Options"]
        return result.outcome, json.loads(Path(result.outputs["options"], "options").read_text())

    in_memory = {"runner": "FnApiRunner", "direct_running_mode": "in_memory", "direct_num_workers": 1}
    assert options(config) == ("done", in_memory)
    several = with_beam(config, "multi_processing", [])
    assert options(several) == ("cached", in_memory)
    shutil.rmtree(folders.root)
    assert options(several) == (
        "done", {"runner": "FnApiRunner", "direct_running_mode": "multi_processing", "direct_num_workers": 0},
    )  # fmt: skip
