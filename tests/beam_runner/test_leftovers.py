"""Scratch folders and unfinished files are removed, and nothing else."""

from __future__ import annotations

from pathlib import Path

from interestflow.beam_runner.leftovers import remove_leftovers
from tests.object_stores import ObjectStore

LEFTOVERS = ("examples/.scratch-12ab/block.arrow", "examples/Split-train/data-00000.gz.unfinished")
FINISHED = ("examples/Split-train/data-00001.gz", "report/counts.json", "report/unfinished")


def test_leftovers_on_disk(tmp_path: Path) -> None:
    for name in (*LEFTOVERS, *FINISHED):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    remove_leftovers(str(tmp_path))
    remove_leftovers(str(tmp_path / "missing"))
    files = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    assert files == set(FINISHED)
    assert not (tmp_path / "examples/.scratch-12ab").exists()


def test_leftovers_in_an_object_store(s3: ObjectStore) -> None:
    s3.write({f"run/{name}": b"x" for name in (*LEFTOVERS, *FINISHED)} | {"other/a.unfinished": b""})
    remove_leftovers(f"{s3.url}/run")
    assert set(s3.files()) == {f"run/{name}" for name in FINISHED} | {"other/a.unfinished"}
