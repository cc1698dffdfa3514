"""Buckets of S3: what is wrong with one is said in words, and soon."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from interestflow import storage
from interestflow.storage import StorageError
from tests.object_stores import ObjectStore, free_port


def test_a_bucket_is_a_folder_too(s3: ObjectStore) -> None:
    storage.write_bytes(f"{s3.url}/file", b"")
    assert storage.child_names(s3.url) == storage.child_names(f"{s3.url}/") == ["file"]


def test_removing_a_folder_removes_its_markers(s3: ObjectStore) -> None:
    s3.write({"place/": b"", "place/7/": b"", "place/7/data": b"x", "places": b""})
    storage.remove_folder(f"{s3.url}/place")
    assert list(s3.files()) == ["places"]


def test_what_is_wrong_with_s3_is_said(s3: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    missing = f"there is no bucket missing at {s3.endpoint}$"
    with pytest.raises(StorageError, match=f"^s3://missing/a cannot be read: {missing}"):
        storage.child_names("s3://missing/a")
    with pytest.raises(StorageError, match=f"^s3://missing/a cannot be read: {missing}"):
        storage.exists("s3://missing/a")
    with pytest.raises(StorageError, match=f"^s3://missing/a cannot be written: {missing}"):
        storage.upload_folder(str(tmp_path), "s3://missing/a")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(StorageError, match="cannot be read: there are no credentials; set AWS_ACCESS_KEY_ID and"):
        storage.exists(f"{s3.url}/a")


def test_a_large_file_is_whole(s3: ObjectStore, tmp_path: Path) -> None:
    """It is larger than the part from which boto3 sends several."""
    content = bytes(range(256)) * 2**16
    (tmp_path / "data").write_bytes(content)
    storage.upload_file(str(tmp_path / "data"), f"{s3.url}/data")
    assert storage.read_bytes(f"{s3.url}/data") == content


@pytest.mark.parametrize("listens", [False, True])
def test_a_store_that_does_not_answer_is_reported_soon(
    s3: ObjectStore, listens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It refuses connections, or its queue of connections is full, so that it never accepts one."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        if listens:
            listener.bind(("127.0.0.1", port))
            listener.listen(0)
            for client in (first, second):
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", port))
        began = time.monotonic()
        with pytest.raises(StorageError, match=f"{s3.url}/a cannot be read: {endpoint} does not answer"):
            storage.exists(f"{s3.url}/a")
        assert time.monotonic() - began < 22.0
