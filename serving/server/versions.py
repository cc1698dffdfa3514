"""Versions in a model's folder, and those of them that a policy asks for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import tensorflow as tf
from tensorflow_serving.config import file_system_storage_path_source_pb2

from interestflow.serving.session_model import SAVED_MODEL

Policy: Any = file_system_storage_path_source_pb2.FileSystemStoragePathSourceConfig.ServableVersionPolicy
MAX_VERSION = 2**63 - 1
"""Largest version of TensorFlow Serving, which ignores folders with a larger number."""


def list_versions(base_path: str) -> dict[int, str] | None:
    """List the folders below `base_path` whose name is a version number, complete or not.

    Args:
        base_path: absolute path, or URI of a file system that TensorFlow reads.

    Returns:
        Folders by version, ascending; None where `base_path` does not exist or cannot be read.
    """
    try:
        if not tf.io.gfile.exists(base_path):
            return None
        return version_folders(base_path, tf.io.gfile.listdir(base_path))
    except tf.errors.OpError:
        return None


def version_folders(base_path: str, names: Iterable[str]) -> dict[int, str]:
    """Return the folders by version, ascending, of those among `names` that are version numbers.

    As in TensorFlow Serving, `007` is version 7, and of two folders with the same number the one whose name sorts last
    counts.

    Args:
        base_path: folder that has the entries.
        names: names of all its entries, perhaps with a slash at the end.
    """
    names = sorted(name.rstrip("/") for name in names)
    numbers = {name: int(name) for name in names if name.isascii() and name.isdecimal() and len(name) < 100}
    folders = {version: name for name, version in numbers.items() if version <= MAX_VERSION}
    return {version: f"{base_path.rstrip('/')}/{folders[version]}" for version in sorted(folders)}


def has_folder(path: str) -> bool:
    """Return whether the folder is there."""
    try:
        return bool(tf.io.gfile.isdir(path))
    except tf.errors.OpError:
        return False


def complete_versions(base_path: str) -> list[int]:
    """Return the versions below `base_path` that have a saved model, rising."""
    folders = list_versions(base_path) or {}
    return [version for version, folder in folders.items() if tf.io.gfile.exists(f"{folder}/{SAVED_MODEL}")]


def aspired_versions(versions: list[int], policy: Any) -> list[int]:
    """Return those of `versions` (rising) that `policy` asks for; the newest where it asks for nothing."""
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return list(versions)
    if kind == "specific":
        wanted = set(policy.specific.versions)
        return [version for version in versions if version in wanted]
    return versions[-(policy.latest.num_versions or 1) :]


def folder_state(folder: str) -> tuple[tuple[str, int, int], ...]:
    """Return paths, sizes and times of a version's files: loading it again may only succeed once these change."""
    state = []
    for parent, _, names in tf.io.gfile.walk(folder):
        for name in names:
            path = f"{parent.rstrip('/')}/{name}"
            try:
                state.append((path, *_size_and_time(path)))
            except (OSError, tf.errors.OpError):
                continue  # removed meanwhile
    return tuple(sorted(state))


def _size_and_time(path: str) -> tuple[int, int]:
    if path.startswith("/"):  # TensorFlow returns local times in whole seconds
        local = os.stat(path)
        return local.st_size, local.st_mtime_ns
    status = tf.io.gfile.stat(path)
    return status.length, status.mtime_nsec
