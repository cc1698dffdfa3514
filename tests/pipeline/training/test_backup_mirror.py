"""A mirrored folder is whole at every moment, whatever ends the upload."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from interestflow.pipeline.training.backup_mirror import LISTING, BackupMirror
from tests.object_stores import ObjectStore, refusing_changes

OLD = {"latest/checkpoint": b"1", "latest/ckpt-1.data": b"old", "best-0.index": b"best"}
NEW = {"latest/checkpoint": b"2", "latest/ckpt-2.data": b"new", "best-0.index": b"best", "best-1.index": b"better"}


def put(folder: Path, files: dict[str, bytes]) -> None:
    """Make `files` the content of a folder, without a touch to those that stay."""
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if str(path.relative_to(folder)) not in files:
            path.unlink()
    for name, content in files.items():
        target = folder / name
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def downloaded(remote: str, folder: Path) -> dict[str, bytes]:
    assert BackupMirror(str(folder), remote).download()
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_upload_that_ends_at_any_request_leaves_a_whole_state(
    s3: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A new state is three files and the listing; after these four requests, two objects of the old one are removed."""
    states = []
    for allowed in range(7):
        local, remote = tmp_path / f"local-{allowed}", f"{s3.url}/{allowed}"
        mirror = BackupMirror(str(local), remote)
        put(local, OLD)
        mirror.upload()
        put(local, NEW)
        caplog.clear()
        with refusing_changes(s3.endpoint, allowed) as endpoint, caplog.at_level(logging.WARNING):
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
            mirror.upload()
        monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
        states.append(downloaded(remote, tmp_path / f"copy-{allowed}"))
        assert ("tries again at the next save" in caplog.text) == (allowed < 6)
        mirror.upload()
        assert downloaded(remote, tmp_path / f"end-{allowed}") == NEW
        assert sum(key.startswith(f"{allowed}/") for key in s3.files()) == len(NEW) + 1
    assert states == [OLD] * 4 + [NEW] * 3


def test_what_did_not_change_is_not_sent_again(s3: ObjectStore, tmp_path: Path) -> None:
    mirror = BackupMirror(str(tmp_path / "first"), f"{s3.url}/mirror")
    put(tmp_path / "first", OLD)
    mirror.upload()
    best = [key for key in s3.files() if key.endswith("-best-0.index")]
    other = BackupMirror(str(tmp_path / "second"), f"{s3.url}/mirror")
    assert other.download()
    put(tmp_path / "second", NEW)
    other.upload()
    assert [key for key in s3.files() if key.endswith("-best-0.index")] == best
    assert downloaded(f"{s3.url}/mirror", tmp_path / "copy") == NEW


def test_without_a_listing_there_is_no_state(s3: ObjectStore, tmp_path: Path) -> None:
    s3.write({"mirror/latest/checkpoint": b"1"})
    for folder in ("mirror", "nothing"):
        assert not BackupMirror(str(tmp_path), f"{s3.url}/{folder}").download()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("listing", "reason"),
    [
        ("{", "Expecting property name"),
        ("[]", "backup.json should map paths to objects"),
        ('{"a": 1}', "backup.json should map paths to objects"),
        ('{"../a": "b"}', "backup.json should hold paths below the backup, received '../a'"),
        ('{"a": "b"}', "it has no b"),
    ],
)
def test_what_is_no_state_is_discarded_and_said(
    s3: ObjectStore, tmp_path: Path, listing: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    s3.write({f"mirror/{LISTING}": listing.encode()})
    with caplog.at_level(logging.WARNING):
        assert not BackupMirror(str(tmp_path / "local"), f"{s3.url}/mirror").download()
    assert f"the backup in {s3.url}/mirror cannot be read and is discarded: {reason}" in caplog.text
    assert not (tmp_path / "local").exists()


def test_the_listing_names_what_lies_there(s3: ObjectStore, tmp_path: Path) -> None:
    put(tmp_path, OLD)
    BackupMirror(str(tmp_path), f"{s3.url}/mirror").upload()
    files = s3.files()
    listing = json.loads(files.pop(f"mirror/{LISTING}"))
    assert {path: files.pop(f"mirror/{name}") for path, name in listing.items()} == OLD
    assert files == {}
