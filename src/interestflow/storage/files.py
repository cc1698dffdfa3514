"""One interface to the files of the local disk and to those of a bucket, and what all buckets do alike."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 5, 30, 3
"""Limits of a request to a store: a store that does not answer is an error within 20 seconds."""
INSTALL = "pip install 'interestflow[object-stores]'"


class ClientUnavailableError(Exception):
    """A store's client is not installed, or cannot use the credentials that it was given."""


class Files(Protocol):
    """Files of one disk or bucket, by path; folders are written without a slash at the end."""

    errors: tuple[type[Exception], ...]

    def exists(self, path: str) -> bool:
        """Return whether there is a file or a folder."""

    def child_names(self, folder: str) -> Iterator[str]:
        """Yield the names of what lies directly in a folder."""

    def file_names(self, folder: str) -> Iterator[str]:
        """Yield the paths of all files below a folder, relative to it."""

    def read(self, path: str) -> bytes:
        """Return the content of a file."""

    def write(self, path: str, content: bytes) -> None:
        """Write a file."""

    def download(self, path: str, local: str) -> None:
        """Copy a file to a local one."""

    def upload(self, local: str, path: str) -> None:
        """Copy a local file to a path."""

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""

    def remove_folder(self, folder: str) -> None:
        """Remove a folder and all below it, if it is there."""

    def reason(self, error: Exception) -> str:
        """Return the cause of one of `errors` in words."""


class LocalDisk:
    """Files of the local disk, mounted volumes included."""

    errors: tuple[type[Exception], ...] = (OSError,)

    def exists(self, path: str) -> bool:
        """Return whether there is a file or a folder."""
        return os.path.exists(path)

    def child_names(self, folder: str) -> Iterator[str]:
        """Yield the names of what lies directly in a folder."""
        yield from os.listdir(folder) if os.path.isdir(folder) else ()

    def file_names(self, folder: str) -> Iterator[str]:
        """Yield the paths of all files below a folder, relative to it."""
        for parent, _, names in os.walk(folder, onerror=_raise, followlinks=True) if os.path.isdir(folder) else ():
            yield from (os.path.relpath(os.path.join(parent, name), folder) for name in names)

    def read(self, path: str) -> bytes:
        """Return the content of a file."""
        return Path(path).read_bytes()

    def write(self, path: str, content: bytes) -> None:
        """Write a file beside its place and move it there."""
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        unfinished = f"{path}.{os.getpid()}.unfinished"
        Path(unfinished).write_bytes(content)
        os.replace(unfinished, path)

    def download(self, path: str, local: str) -> None:
        """Copy a file to another."""
        shutil.copyfile(path, local)

    def upload(self, local: str, path: str) -> None:
        """Copy a file to a path, whose folders are created."""
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        shutil.copyfile(local, path)

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""
        Path(path).unlink(missing_ok=True)

    def remove_folder(self, folder: str) -> None:
        """Remove a folder and all below it, if it is there."""
        if os.path.isdir(folder):
            shutil.rmtree(folder)

    def reason(self, error: Exception) -> str:
        """Return the operating system's words."""
        return getattr(error, "strerror", None) or str(error)


class Bucket:
    """What the buckets of both stores do alike; a folder is the beginning of a key up to a slash."""

    def __init__(self, bucket: str) -> None:
        """Name the bucket."""
        self.bucket = bucket

    def exists(self, path: str) -> bool:
        """Return whether there is an object of this key, or one below it."""
        # A key is the first of those that begin with it.
        return self._first_key(path) == path or self._first_key(_prefix(path)) is not None

    def child_names(self, folder: str) -> Iterator[str]:
        """Yield the names of what lies directly in a folder."""
        prefix = _prefix(folder)
        for key in self._keys(prefix, delimiter="/"):
            yield from filter(None, [key[len(prefix) :].rstrip("/")])

    def file_names(self, folder: str) -> Iterator[str]:
        """Yield the paths of all files below a folder, relative to it, without the markers of folders."""
        prefix = _prefix(folder)
        for key in self._keys(prefix):
            if not key.endswith("/"):
                yield key[len(prefix) :]

    def remove_folder(self, folder: str) -> None:
        """Remove a folder and all below it, markers included."""
        for key in list(self._keys(_prefix(folder))):
            self.remove(key)

    def remove(self, path: str) -> None:
        """Remove an object, if it is there."""
        raise NotImplementedError

    def _first_key(self, prefix: str) -> str | None:
        return next(self._keys(prefix, limit=1), None)

    def _keys(self, prefix: str, delimiter: str = "", limit: int | None = None) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, those with a further delimiter only up to it."""
        raise NotImplementedError


def _raise(error: OSError) -> None:
    raise error


def _prefix(folder: str) -> str:
    """Return the beginning of the keys in a folder; the bucket itself is the empty path."""
    return f"{folder}/" if folder else ""


def first_line(error: BaseException) -> str:
    """Return an error in one line."""
    return str(error).strip().partition("\n")[0][:300] or type(error).__name__
