"""Copies between a store and a step's private folder, with the launcher's rules and refusals."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from interestflow.kubeflow.backend.errors import StepError
from interestflow.kubeflow.backend.object_store import ObjectStore
from interestflow.kubeflow.backend.uris import bucket_of, local_path


def path_in_step(root: Path, path: str) -> Path:
    """Return the file of this machine that stands for an absolute path inside of a step."""
    return root / path.lstrip("/")


def download(store: ObjectStore, name: str, uri: str, bucket: str, root: Path) -> None:
    """Copy an input artifact into a step's private folder.

    The launcher lists by the bare prefix, so what is named like the artifact and goes on (`model_run` for `model`)
    comes along. An artifact without files leaves nothing, not even a folder.

    Args:
        store: the store.
        name: name of the input, for messages.
        uri: URI of the artifact.
        bucket: scheme and bucket of the run's root, the only one that the launcher has credentials for.
        root: folder that stands for `/` inside of the step.

    Raises:
        StepError: the artifact is in another bucket, or an object cannot be copied.
    """
    if bucket_of(uri) != bucket:
        raise StepError(
            f"input `{name}` is {uri}, but the launcher opens {bucket} alone: a step served from the cache left it "
            "there before the root changed"
        )
    for found in store.list(uri):
        target = path_in_step(root, local_path(found) or "")
        if found.endswith("/"):
            raise StepError(
                f"input `{name}`: {found} is the marker of a folder, which the launcher writes as a file "
                "that stands in the way of the folder's own"
            )
        if ".." in found.split("/"):
            raise StepError(f"input `{name}`: the key of {found} leaves its folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        store.get(found, target)


def upload(store: ObjectStore, name: str, path: Path, uri: str) -> None:
    """Store what a step wrote for an output artifact.

    A symlink to a file is followed, an empty folder vanishes, and an output that was not written is nothing.

    Args:
        store: the store.
        name: name of the output, for messages.
        path: file or folder of the output.
        uri: URI of the artifact.

    Raises:
        StepError: below `path` is a symlink to a folder, one that leads nowhere, or something that is no file.
    """
    if not os.path.lexists(path):
        return
    # The output itself may be a symlink to a folder: the launcher looks through it. Below it does not.
    mode = _mode(name, path)
    if stat.S_ISDIR(mode):
        for child in sorted(path.iterdir()):
            if child.is_symlink() and child.is_dir():
                raise StepError(
                    f"output `{name}` has the symlink {child.name} to a folder, which the launcher cannot upload"
                )
            upload(store, name, child, f"{uri}/{child.name}")
    elif stat.S_ISREG(mode):
        store.put(path, uri)
    else:
        raise StepError(f"output `{name}` has {path.name}, which is neither a file nor a folder")


def _mode(name: str, path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError as error:
        raise StepError(
            f"output `{name}` has {path.name}, which cannot be followed ({error.strerror}): "
            "the launcher would drop it and what comes after it"
        ) from None
