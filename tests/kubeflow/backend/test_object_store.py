"""A local folder stands for buckets: listing by bare prefix, and no object that a folder cannot hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.kubeflow.backend.errors import StepError
from interestflow.kubeflow.backend.object_store import FolderStore


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    store = FolderStore(tmp_path / "objects")
    source = tmp_path / "source"
    for uri in (
        "s3://b/t/model/a",
        "s3://b/t/model/sub/b",
        "s3://b/t/model_run/c",
        "s3://b/t/other",
        "gs://b/t/model/a",
    ):
        source.write_text(uri)
        store.put(source, uri)
    return store


@pytest.mark.parametrize(
    ("prefix", "uris"),
    [
        ("s3://b/t/model", ["s3://b/t/model/a", "s3://b/t/model/sub/b", "s3://b/t/model_run/c"]),
        ("s3://b/t/model/", ["s3://b/t/model/a", "s3://b/t/model/sub/b"]),
        ("s3://b/t/other", ["s3://b/t/other"]),
        ("minio://b/t", []),
        ("s3://c/t", []),
    ],
)
def test_objects_are_listed_by_bare_prefix(prefix: str, uris: list[str], store: FolderStore) -> None:
    assert list(store.list(prefix)) == uris


def test_an_object_is_read_back_and_found_by_a_person(store: FolderStore, tmp_path: Path) -> None:
    store.get("s3://b/t/other", tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "s3://b/t/other"
    assert Path(store.place("s3://b/t/other")).read_text() == "s3://b/t/other"
    assert [path.name for path in (tmp_path / "objects").iterdir() if path.name.startswith(".")] == []


def test_what_is_not_there_or_cannot_be_in_a_folder_is_refused(store: FolderStore, tmp_path: Path) -> None:
    with pytest.raises(StepError, match="s3://b/t/none cannot be read: No such file or directory"):
        store.get("s3://b/t/none", tmp_path / "copy")
    with pytest.raises(StepError, match="s3://b/t/other/x cannot be stored from source: File exists"):
        store.put(tmp_path / "source", "s3://b/t/other/x")
    with pytest.raises(StepError, match="s3://b/t/model cannot be stored from source: Is a directory"):
        store.put(tmp_path / "source", "s3://b/t/model")
    with pytest.raises(StepError, match="s3://b//x has a part that is empty or made of dots"):
        store.put(tmp_path / "source", "s3://b//x")
