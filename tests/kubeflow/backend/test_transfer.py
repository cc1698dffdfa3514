"""Inputs are fetched by bare prefix, and outputs are stored with the launcher's rules and refusals."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from interestflow.kubeflow.backend.errors import StepError
from interestflow.kubeflow.backend.object_store import FolderStore
from interestflow.kubeflow.backend.transfer import download, path_in_step, upload

URI = "s3://b/t/model"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "objects")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "output"
    (folder / "sub" / "empty").mkdir(parents=True)
    (folder / "a").write_text("a")
    (folder / "sub" / "zero").touch()
    return folder


def test_files_are_stored_zero_bytes_too_and_empty_folders_vanish(store: FolderStore, output: Path) -> None:
    (output / "link").symlink_to("a")
    upload(store, "model", output, URI)
    assert list(store.list("s3://b")) == [f"{URI}/a", f"{URI}/link", f"{URI}/sub/zero"]
    assert Path(store.place(f"{URI}/link")).read_text() == "a"


def test_an_output_may_be_a_file_or_not_be_there(store: FolderStore, output: Path, tmp_path: Path) -> None:
    upload(store, "report", output / "a", "s3://b/t/report")
    upload(store, "model", tmp_path / "none", URI)
    assert list(store.list("s3://b")) == ["s3://b/t/report"]


def test_a_symlink_to_a_folder_fails_below_an_output_and_is_followed_as_one(store: FolderStore, output: Path) -> None:
    (output.parent / "link").symlink_to(output)
    upload(store, "model", output.parent / "link", URI)
    assert list(store.list("s3://b")) == [f"{URI}/a", f"{URI}/sub/zero"]
    (output / "latest").symlink_to("sub")
    with pytest.raises(StepError, match="output `model` has the symlink latest to a folder, which the launcher cannot"):
        upload(store, "model", output, URI)


def test_a_dangling_symlink_and_a_pipe_are_refused(store: FolderStore, output: Path) -> None:
    (output / "link").symlink_to("nowhere")
    with pytest.raises(StepError, match=r"output `model` has link, which cannot be followed \(No such file"):
        upload(store, "model", output, URI)
    (output / "link").unlink()
    os.mkfifo(output / "pipe")
    with pytest.raises(StepError, match="output `model` has pipe, which is neither a file nor a folder"):
        upload(store, "model", output, URI)


def test_what_is_named_alike_is_fetched_along(store: FolderStore, output: Path, tmp_path: Path) -> None:
    upload(store, "model", output, URI)
    upload(store, "model_run", output / "a", f"{URI}_run/events")
    root = tmp_path / "root"
    download(store, "model", URI, "s3://b", root)
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    assert files == ["s3/b/t/model/a", "s3/b/t/model/sub/zero", "s3/b/t/model_run/events"]


def test_an_artifact_without_files_leaves_nothing(store: FolderStore, tmp_path: Path) -> None:
    download(store, "model", URI, "s3://b", tmp_path / "root")
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("bucket", ["s3://other", "minio://b", "gs://b"])
def test_an_artifact_of_another_bucket_is_refused(bucket: str, store: FolderStore, tmp_path: Path) -> None:
    with pytest.raises(StepError, match=f"input `model` is {URI}, but the launcher opens {bucket} alone"):
        download(store, "model", URI, bucket, tmp_path)


class Marked(FolderStore):
    """A store with a key that is no file's, as other writers leave them."""

    def list(self, prefix: str):  # type: ignore[no-untyped-def]
        yield f"{prefix}{self.suffix}"

    suffix = "/"


def test_keys_that_are_no_files_are_refused(tmp_path: Path) -> None:
    store = Marked(tmp_path)
    with pytest.raises(StepError, match="input `model`: s3://b/t/model/ is the marker of a folder"):
        download(store, "model", URI, "s3://b", tmp_path)
    store.suffix = "/../../x"
    with pytest.raises(StepError, match=r"input `model`: the key of s3://b/t/model/../../x leaves its folder"):
        download(store, "model", URI, "s3://b", tmp_path)


def test_a_path_of_the_step_is_below_its_folder(tmp_path: Path) -> None:
    assert path_in_step(tmp_path, "/s3/b/x") == tmp_path / "s3" / "b" / "x"
