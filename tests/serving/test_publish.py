"""Publishing copies whole models, and a version appears atomically."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from interestflow.serving.publish import INCOMING, copy_folder, publish_version

FILES = 300


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "saved_model.pb").write_bytes(b"graph")
    for index in range(FILES):
        (folder / "variables" / f"part-{index}").write_bytes(b"weights")
    return folder


def watched(base: Path, publish: threading.Thread) -> set[tuple[bool, int]]:
    """Return, for each poll of version 7 during publishing, whether it has its graph and how many weights."""
    observed = set()
    publish.start()
    while publish.is_alive():
        version = base / "7"
        has_graph = (version / "saved_model.pb").exists()
        if version.exists():
            observed.add((has_graph, len(list(version.rglob("part-*")))))
    publish.join()
    return observed


def test_a_version_is_whole_whenever_it_is_seen(model: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    observed = watched(base, threading.Thread(target=publish_version, args=(str(model), str(base), 7)))
    assert {weights for _, weights in observed} <= {FILES}
    assert sorted(path.name for path in (base / "7").iterdir()) == ["empty", "saved_model.pb", "variables"]
    assert not list((base / INCOMING).iterdir())


def test_where_nothing_can_be_moved_the_graph_comes_last(model: Path, tmp_path: Path) -> None:
    """A URL stands for an object store."""
    base = tmp_path / "base"
    observed = watched(base, threading.Thread(target=publish_version, args=(str(model), f"file://{base}", 7)))
    assert {weights for has_graph, weights in observed if has_graph} <= {FILES}
    assert (base / "7" / "saved_model.pb").read_bytes() == b"graph"
    assert not (base / INCOMING).exists()


def test_a_copy_replaces_what_was_there(model: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "saved_model.pb").write_bytes(b"older")
    copy_folder(str(model), str(target))
    assert (target / "saved_model.pb").read_bytes() == b"graph"
