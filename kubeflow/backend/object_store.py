"""Stores of objects: the interface, and a local folder that stands for all buckets."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from interestflow.kubeflow.backend.errors import StepError


class ObjectStore(Protocol):
    """Objects by URI. There are no folders: only objects whose URIs begin alike."""

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the URIs that begin with a prefix, whatever follows it."""

    def get(self, uri: str, path: Path) -> None:
        """Write an object to a file whose folder exists."""

    def put(self, path: Path, uri: str) -> None:
        """Store a file as an object."""

    def place(self, uri: str) -> str:
        """Return where a person finds an object or a folder of them."""


class FolderStore:
    """A local folder with an object of key `a/b` of `s3://bucket` in the file `s3/bucket/a/b`.

    What a bucket can hold and a folder cannot, an object `a` beside an object `a/b`, is refused.

    Args:
        folder: folder of all buckets.
    """

    def __init__(self, folder: Path) -> None:
        """Keep the folder, which is made when the first object is stored."""
        self._folder = folder

    def _file(self, uri: str) -> Path:
        scheme, _, remainder = uri.partition("://")
        parts = remainder.split("/")
        if not scheme or any(part in ("", ".", "..") for part in parts):
            raise StepError(f"{uri} has a part that is empty or made of dots, which no file can stand for")
        return self._folder.joinpath(scheme, *parts)

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the URIs that begin with a prefix, in alphabetical order."""
        scheme, _, remainder = prefix.partition("://")
        start = self._folder.joinpath(scheme, *remainder.split("/")[:-1])
        files = (Path(folder) / name for folder, _, names in os.walk(start) for name in names)
        uris = (f"{scheme}://{file.relative_to(self._folder / scheme).as_posix()}" for file in files)
        yield from sorted(uri for uri in uris if uri.startswith(prefix))

    def get(self, uri: str, path: Path) -> None:
        """Write an object to a file whose folder exists."""
        try:
            shutil.copyfile(self._file(uri), path)
        except OSError as error:
            raise StepError(f"{uri} cannot be read: {error.strerror}") from None

    def put(self, path: Path, uri: str) -> None:
        """Store a file as an object: readers see all of it or nothing."""
        file = self._file(uri)
        partial = self._folder / f".partial-{uuid.uuid4().hex}"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, partial)
            partial.replace(file)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise StepError(f"{uri} cannot be stored from {path.name}: {error.strerror}") from None

    def place(self, uri: str) -> str:
        """Return the path of an object's file."""
        return str(self._file(uri))
