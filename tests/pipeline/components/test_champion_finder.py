"""The champion is the newest pushed model that is not the candidate."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tfx.types import standard_artifacts

from interestflow.pipeline.components.champion_finder import ChampionFinder
from interestflow.pipeline.gates.champion import Champion
from tests.pipeline.components.step_execution import execute, make_artifact, make_value


def push(serving: Path, version: int | str, fingerprint: str) -> Path:
    folder = serving / str(version)
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "assets.extra" / "interestflow.json").write_text(json.dumps({"fingerprint": fingerprint}))
    (folder / "saved_model.pb").touch()
    return folder


def find(folder: Path, candidate: str) -> Champion:
    model = make_artifact(folder / "model", standard_artifacts.Model)
    shutil.rmtree(folder / "model" / "Format-Serving", ignore_errors=True)
    push(folder / "model", "Format-Serving", candidate)
    champion = make_value(folder / "champion")
    execute(
        ChampionFinder, {"model": model}, {"champion": champion}, serving_folder=str(folder / "serving"), state="any"
    )
    return Champion.model_validate_json(champion.read())


def test_the_newest_model_is_found_but_not_the_candidate_itself(tmp_path: Path) -> None:
    older, newer = push(tmp_path / "serving", 9, "first"), push(tmp_path / "serving", 10, "second")
    assert find(tmp_path, "third") == Champion(folder=str(newer), version=10, fingerprint="second")
    assert find(tmp_path, "second") == Champion(folder=str(older), version=9, fingerprint="first")


def test_without_a_pushed_model_there_is_none(tmp_path: Path) -> None:
    assert find(tmp_path, "any") == Champion()
