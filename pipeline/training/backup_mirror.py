"""Copy of a backup in an object store, to which TensorFlow cannot write checkpoints (s3://) or cannot safely (gs://)."""

from __future__ import annotations

import json
import logging
import os
import uuid
from collections.abc import Mapping
from pathlib import Path

from interestflow import storage
from interestflow.storage import StorageError

LISTING = "backup.json"
"""File of a mirrored backup that maps the paths of its files to the objects that hold them; it is written last."""


class BackupMirror:
    """Mirror of a local folder, of which a kill at any moment leaves the last whole state.

    An object is never written twice: each upload has a name of its own, the listing of the new state replaces that of
    the old one in one write, and only then are objects removed that it does not name.

    Args:
        local: The local folder.
        remote: URL of the mirror's own folder.
    """

    def __init__(self, local: str, remote: str) -> None:
        """Prepare the mirror; nothing is read or written yet."""
        self._local = Path(local)
        self._remote = remote
        self._objects: dict[tuple[str, int, int], str] = {}

    def download(self) -> bool:
        """Copy the last whole state into the local folder and return whether there is one.

        What cannot be a state is a warning and no state.

        Raises:
            StorageError: If the store cannot be read. A training that began anew would replace the state there.
        """
        names = storage.file_names(self._remote)
        if LISTING not in names:
            return False
        try:
            objects = _parse_listing(storage.read_bytes(storage.join(self._remote, LISTING)))
            missing = sorted(set(objects.values()) - set(names))
            if missing:
                raise ValueError(f"it has no {missing[0]}")
        except ValueError as error:
            logging.warning("the backup in %s cannot be read and is discarded: %s", self._remote, error)
            return False
        for path, name in objects.items():
            storage.download_file(storage.join(self._remote, name), str(self._local / path))
            self._objects[self._version(path)] = name
        return True

    def upload(self) -> None:
        """Copy the local folder's state to the store. Where that fails, the next save tries again, after a warning."""
        try:
            self._upload()
        except StorageError as error:
            logging.warning(
                "training goes on without a new backup, and tries again at the next save; the last one stays: %s", error
            )

    def _upload(self) -> None:
        versions = {path: self._version(path) for path in storage.file_names(str(self._local))}
        for path, version in versions.items():
            if version not in self._objects:
                name = f"{uuid.uuid4().hex}-{os.path.basename(path)}"
                storage.upload_file(str(self._local / path), storage.join(self._remote, name))
                self._objects[version] = name
        objects = {path: self._objects[version] for path, version in versions.items()}
        storage.write_bytes(storage.join(self._remote, LISTING), json.dumps(objects, indent=2).encode())
        self._objects = {version: self._objects[version] for version in versions.values()}
        for name in set(storage.file_names(self._remote)) - {LISTING, *objects.values()}:
            storage.remove_file(storage.join(self._remote, name))

    def _version(self, path: str) -> tuple[str, int, int]:
        """Return what changes whenever a local file does: its path, time and size."""
        status = (self._local / path).stat()
        return path, status.st_mtime_ns, status.st_size


def _parse_listing(content: bytes) -> Mapping[str, str]:
    """Return the objects of a state by path.

    Raises:
        ValueError: If it is no listing.
    """
    objects = json.loads(content)
    if not isinstance(objects, dict) or not all(isinstance(name, str) for name in objects.values()):
        raise ValueError(f"{LISTING} should map paths to objects")
    for path in objects:
        if any(part in ("", ".", "..") for part in path.split("/")):
            raise ValueError(f"{LISTING} should hold paths below the backup, received {path!r}")
    return objects
