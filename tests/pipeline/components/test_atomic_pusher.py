"""Pushing a model is atomic for a server that polls the folder."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact
from tfx.utils import proto_utils

from interestflow.pipeline.components.atomic_pusher import AtomicPusher
from interestflow.serving.publish import INCOMING
from tests.pipeline.components.step_execution import execute, make_artifact

FILES = 400


@pytest.fixture
def model(tmp_path: Path) -> Artifact:
    """Return a model of many files, so that copying takes a while."""
    folder = tmp_path / "model" / "Format-Serving"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    for index in range(FILES):
        (folder / "variables" / f"part-{index}").write_bytes(b"weights" * 1000)
    return make_artifact(tmp_path / "model", standard_artifacts.Model)


def push(model: Artifact, folder: Path, blessed: int = 1) -> Artifact:
    blessing = make_artifact(folder / "blessing", standard_artifacts.ModelBlessing)
    blessing.set_int_custom_property("blessed", blessed)
    pushed = make_artifact(folder / "record", standard_artifacts.PushedModel)
    filesystem = pusher_pb2.PushDestination.Filesystem(base_directory=str(folder / "serving"))
    destination = pusher_pb2.PushDestination(filesystem=filesystem)
    execute(
        AtomicPusher,
        {"model": model, "model_blessing": blessing},
        {"pushed_model": pushed},
        push_destination=proto_utils.proto_to_json(destination),
    )
    return pushed


def test_whoever_looks_never_sees_half_a_version(model: Artifact, tmp_path: Path) -> None:
    serving = tmp_path / "serving"
    serving.mkdir()
    ended, observed = threading.Event(), set()

    def look() -> None:
        while not ended.is_set():
            for folder in serving.iterdir():
                if folder.name.isdecimal():
                    observed.add(len(list(folder.rglob("part-*"))))

    looking = threading.Thread(target=look)
    looking.start()
    pushed = push(model, tmp_path)
    ended.set()
    looking.join()
    (version,) = serving.iterdir()
    assert version.name.isdecimal()
    assert sorted(path.name for path in version.iterdir()) == ["saved_model.pb", "variables"]
    assert len(list((version / "variables").iterdir())) == FILES
    assert observed <= {FILES}
    assert pushed.get_string_custom_property("pushed_destination") == str(version)
    assert pushed.get_string_custom_property("pushed_version") == version.name
    assert (Path(pushed.uri) / "saved_model.pb").is_file()


def test_what_a_push_that_was_cut_off_left_is_removed(model: Artifact, tmp_path: Path) -> None:
    left = tmp_path / "serving" / INCOMING / "1700000000"
    left.mkdir(parents=True)
    (left / "half").write_text("of a model")
    push(model, tmp_path)
    (version,) = (tmp_path / "serving").iterdir()
    assert version.name != INCOMING
    assert not (version / "half").exists()


def test_a_model_that_was_refused_is_not_pushed(model: Artifact, tmp_path: Path) -> None:
    pushed = push(model, tmp_path, blessed=0)
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists() or not list((tmp_path / "serving").iterdir())


def test_a_second_push_keeps_the_first(model: Artifact, tmp_path: Path) -> None:
    (tmp_path / "serving").mkdir()
    shutil.copytree(Path(model.uri) / "Format-Serving", tmp_path / "serving" / "1700000000")
    push(model, tmp_path)
    assert len(list((tmp_path / "serving").glob("*/saved_model.pb"))) == 2
