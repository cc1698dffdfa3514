"""The functions on files and folders do the same on the local disk, on S3 and on Google Cloud Storage."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from interestflow import storage
from interestflow.storage import StorageError
from tests.object_stores import ObjectStore
from tests.paths import PYTHON_PATH


@pytest.fixture(params=["local", "s3", "gcs"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return an empty folder of each kind."""
    if request.param == "local":
        return str(tmp_path / "place")
    store: ObjectStore = request.getfixturevalue(request.param)
    return f"{store.url}/place"


def write_folder(folder: Path, files: dict[str, bytes]) -> str:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return str(folder)


def run_program(program: str) -> str:
    environment = os.environ | {"PYTHONPATH": PYTHON_PATH}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def read_folder(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_file_is_written_read_and_removed(place: str) -> None:
    file = storage.join(place, "folder", "file")
    assert not storage.exists(file)
    for content in (b"one", b"another"):
        storage.write_bytes(file, content)
        assert storage.read_bytes(file) == content
    assert [storage.exists(name) for name in (file, f"{place}/folder", f"{place}/fold")] == [True, True, False]
    storage.remove_file(file)
    storage.remove_file(file)
    assert not storage.exists(file)


def test_a_folder_goes_there_and_comes_back(place: str, tmp_path: Path) -> None:
    files = {"saved_model.pb": b"graph", "variables/index": b"", "variables/data": bytes(range(256)) * 50}
    storage.upload_folder(write_folder(tmp_path / "source", files), place)
    storage.download_folder(place, str(tmp_path / "copy"))
    assert read_folder(tmp_path / "copy") == files
    assert storage.child_names(place) == ["saved_model.pb", "variables"]
    assert storage.file_names(place) == ["saved_model.pb", "variables/data", "variables/index"]


def test_a_folder_is_not_one_whose_name_begins_alike(place: str, tmp_path: Path) -> None:
    for name in ("model/a", "model_run/b", "model.txt"):
        storage.write_bytes(f"{place}/{name}", b"")
    assert storage.child_names(f"{place}/model/") == ["a"]
    storage.download_folder(f"{place}/model", str(tmp_path / "copy"))
    assert list(read_folder(tmp_path / "copy")) == ["a"]
    storage.remove_folder(f"{place}/model")
    assert storage.file_names(place) == ["model.txt", "model_run/b"]


def test_what_is_not_there_is_empty(place: str, tmp_path: Path) -> None:
    assert storage.child_names(place) == storage.file_names(place) == []
    assert not storage.exists(place)
    storage.remove_folder(place)
    with pytest.raises(StorageError, match=f"^{place} holds no files$"):
        storage.download_folder(place, str(tmp_path / "copy"))
    with pytest.raises(StorageError, match=f"^{place}/file cannot be read: (there is no such file|No such file)"):
        storage.read_bytes(f"{place}/file")


def test_a_local_copy_of_a_remote_folder_goes_away(place: str) -> None:
    storage.write_bytes(f"{place}/file", b"content")
    with storage.local_copy(place) as folder:
        assert (Path(folder) / "file").read_bytes() == b"content"
        assert (folder == place) == (not storage.is_remote(place))
    assert Path(folder).exists() == (not storage.is_remote(place))


@pytest.mark.parametrize("kind", ["s3", "gcs"])
def test_markers_of_folders_count_for_nothing(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    store: ObjectStore = request.getfixturevalue(kind)
    store.write({"place/": b"", "place/7/": b"", "place/7/variables/": b"", "place/7/variables/data": b"x"})
    folder = f"{store.url}/place"
    assert storage.child_names(folder) == ["7"]
    assert storage.file_names(folder) == ["7/variables/data"]
    storage.download_folder(folder, str(tmp_path / "copy"))
    assert read_folder(tmp_path / "copy") == {"7/variables/data": b"x"}


@pytest.mark.parametrize("key", ["../elsewhere", "a//b", "./a"])
def test_a_name_that_would_lie_elsewhere_is_refused(s3: ObjectStore, tmp_path: Path, key: str) -> None:
    s3.write({f"place/{key}": b"x"})
    with pytest.raises(StorageError, match="should hold names that a local file can have, received"):
        storage.download_folder(f"{s3.url}/place", str(tmp_path / "copy"))
    assert not (tmp_path / "copy").exists()


def test_files_named_as_last_are_written_after_all_others(tmp_path: Path) -> None:
    """The first that is last cannot be written, so that the files that are there then came before it."""
    files = dict.fromkeys(("a", "checkpoint", "0", "z", "0-folder/checkpoint"), b"x")
    source, target = write_folder(tmp_path / "source", files), tmp_path / "target"
    target.mkdir()
    (target / "checkpoint").symlink_to(tmp_path / "missing" / "checkpoint")
    with pytest.raises(StorageError, match=f"^{target} cannot be written: No such file or directory$"):
        storage.upload_folder(source, str(target), last=("checkpoint", "0"))
    assert sorted(read_folder(target)) == ["0-folder/checkpoint", "a", "z"]


@pytest.mark.parametrize("place", ["/a/folder", "folder", "gs://bucket", "s3://bucket/folder"])
def test_a_possible_place_is_accepted(place: str) -> None:
    storage.check_scheme(place)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("hdfs://host/a", r"should be a local path, gs://BUCKET/PATH or s3://BUCKET/PATH, received 'hdfs://host/a'$"),
        ("minio://bucket/a", "minio:// is known to Kubeflow's launcher alone: write s3://, with AWS_ENDPOINT_URL"),
        ("s3:///a", "should name a bucket, as in s3://BUCKET/PATH, received 's3:///a'"),
    ],
)
def test_an_impossible_place_is_refused_by_name(place: str, message: str) -> None:
    with pytest.raises(StorageError, match=message):
        storage.check_scheme(place)
    with pytest.raises(StorageError, match=message):
        storage.exists(place)


@pytest.mark.parametrize(("module", "url"), [("boto3", "s3://bucket/a"), ("google.cloud.storage", "gs://bucket/a")])
def test_a_missing_client_names_what_to_install(module: str, url: str) -> None:
    program = f"""
import sys
sys.modules[{module!r}] = None
from interestflow import storage
try:
    storage.exists({url!r})
except storage.StorageError as error:
    print(error)
"""
    environment = os.environ | {"PYTHONPATH": PYTHON_PATH}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    package = module.replace(".", "-")
    assert result.stdout == (
        f"{url} cannot be read: {url[:2]}:// needs {package}, which is not installed: "
        "pip install 'interestflow[object-stores]'\n"
    )


def test_importing_it_imports_no_client() -> None:
    program = (
        "import sys, interestflow.storage; print({'boto3', 'google.cloud.storage', 'tensorflow'} & set(sys.modules))"
    )
    assert run_program(program) == "set()\n"
