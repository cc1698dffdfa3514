"""Files and folders on the local disk, a mounted volume, gs:// and s3://, with the same functions for each.

A place is a local path or a URL such as `s3://bucket/models/shop`. Credentials and the address of a store come from the
environment, as the store's own client reads them: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_ENDPOINT_URL` and
the like for s3://, `GOOGLE_APPLICATION_CREDENTIALS` for gs://. An object store has no folders: a folder is there while
it holds a file, and "markers", empty objects whose names end in a slash, count for nothing.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from interestflow.storage.files import Files, LocalDisk, ClientUnavailableError
from interestflow.storage.google import open_google_bucket
from interestflow.storage.s3 import open_s3_bucket

SCHEMES = ("gs", "s3")
"""Object stores; any other place is a local path."""
PLACES = "a local path, gs://BUCKET/PATH or s3://BUCKET/PATH"
VARIABLES = ("AWS_", "CLOUDSDK_", "GOOGLE_", "STORAGE_")
"""Beginnings of the environment variables that the stores' clients read."""


class StorageError(Exception):
    """A place that cannot be read or written; the message names the place and the reason."""


def is_remote(place: str) -> bool:
    """Return whether a place is a URL rather than a local path."""
    return "://" in place


def join(folder: str, *names: str) -> str:
    """Return the place of a file or folder below `folder`."""
    return "/".join([folder.rstrip("/"), *names])


def check_scheme(place: str) -> None:
    """Check that a place is a local path or has a scheme that is known here and a bucket; nothing is connected to.

    Raises:
        StorageError: If not. Its message has no subject: it begins with "should", and follows the name of a setting.
    """
    if not is_remote(place):
        if not place:
            raise StorageError(f"should be {PLACES}, received nothing")
        return
    scheme, _, remainder = place.partition("://")
    if scheme not in SCHEMES:
        hint = (
            "; minio:// is known to Kubeflow's launcher alone: write s3://, with AWS_ENDPOINT_URL in the environment"
            if scheme == "minio"
            else ""
        )
        raise StorageError(f"should be {PLACES}, received {place!r}{hint}")
    if not remainder.partition("/")[0]:
        raise StorageError(f"should name a bucket, as in {scheme}://BUCKET/PATH, received {place!r}")


def exists(place: str) -> bool:
    """Return whether there is a file or a folder."""
    with _opened(place, "read") as (files, path):
        return files.exists(path)


def child_names(folder: str) -> list[str]:
    """Return the sorted names of the files and folders that lie directly in a folder; none where it does not exist."""
    with _opened(folder, "read") as (files, path):
        return sorted(files.child_names(path))


def file_names(folder: str) -> list[str]:
    """Return the sorted paths of all files below a folder, relative to it; none where it does not exist."""
    with _opened(folder, "read") as (files, path):
        return sorted(files.file_names(path))


def read_bytes(file: str) -> bytes:
    """Return the content of a file."""
    with _opened(file, "read") as (files, path):
        return files.read(path)


def write_bytes(file: str, content: bytes) -> None:
    """Write a file with the folders above it. A reader sees all of the new content or all of the old."""
    with _opened(file, "written") as (files, path):
        files.write(path, content)


def download_file(file: str, local: str) -> None:
    """Copy a file to a local one, whose folders are created."""
    Path(local).parent.mkdir(parents=True, exist_ok=True)
    with _opened(file, "read") as (files, path):
        files.download(path, local)


def upload_file(local: str, file: str) -> None:
    """Copy a local file to a place."""
    with _opened(file, "written") as (files, path):
        files.upload(local, path)


def remove_file(file: str) -> None:
    """Remove a file, if it is there."""
    with _opened(file, "written") as (files, path):
        files.remove(path)


def download_folder(folder: str, local: str) -> None:
    """Copy all files below a folder into a local folder, which is created.

    Raises:
        StorageError: If the folder holds no files or cannot be read.
    """
    with _opened(folder, "read") as (files, path):
        names = sorted(files.file_names(path))
        if not names:
            raise StorageError(f"{folder} holds no files")
        for name in names:
            if any(part in ("", ".", "..") for part in name.split("/")):
                raise StorageError(f"{folder} should hold names that a local file can have, received {name!r}")
        for name in names:
            target = Path(local, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            files.download(f"{path}/{name}", str(target))


def upload_folder(local: str, folder: str, last: Sequence[str] = ()) -> None:
    """Copy all files below a local folder to a place, whose other files stay.

    Args:
        local: The local folder.
        folder: The place.
        last: Files that are written after all others, in this order, so that whoever finds them finds a whole folder.
    """
    with _opened(folder, "written") as (files, path):
        names = LocalDisk().file_names(local)
        for name in sorted(names, key=lambda name: (last.index(name) if name in last else -1, name)):
            files.upload(str(Path(local, name)), f"{path}/{name}")


def remove_folder(folder: str) -> None:
    """Remove a folder and all files below it, if it is there."""
    with _opened(folder, "written") as (files, path):
        files.remove_folder(path)


@contextlib.contextmanager
def local_copy(folder: str, parent: str | None = None) -> Iterator[str]:
    """Yield a local path with the content of a folder: itself where it is local, else a copy until the context ends.

    Args:
        folder: a local path or URL.
        parent: local folder below which the copy is made; by default the system's folder of temporary files.
    """
    if not is_remote(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="interestflow-", dir=parent) as temporary:
        download_folder(folder, temporary)
        yield temporary


@contextlib.contextmanager
def _opened(place: str, verb: str) -> Iterator[tuple[Files, str]]:
    """Yield the files among which a place is and its path there; raise their errors as `StorageError`."""
    try:
        check_scheme(place)
    except StorageError as error:
        raise StorageError(f"a place {error}") from None
    scheme, _, remainder = place.rpartition("://")
    bucket, _, path = remainder.partition("/")
    if not scheme:
        path = place
    try:
        files = _open_files(scheme, bucket)
    except ClientUnavailableError as error:
        raise StorageError(f"{place} cannot be {verb}: {error}") from None
    try:
        yield files, path.rstrip("/")
    except files.errors as error:
        raise StorageError(f"{place} cannot be {verb}: {files.reason(error)}") from None


def _open_files(scheme: str, bucket: str) -> Files:
    """Return the files of a bucket, or those of the local disk where the scheme is empty."""
    if not scheme:
        return LocalDisk()
    environment = tuple(sorted(item for item in os.environ.items() if item[0].startswith(VARIABLES)))
    return (open_s3_bucket if scheme == "s3" else open_google_bucket)(bucket, environment)
