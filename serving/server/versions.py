"""Which versions of a model there are, and which of them should be served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tensorflow_serving.config import file_system_storage_path_source_pb2

Policy: Any = file_system_storage_path_source_pb2.FileSystemStoragePathSourceConfig.ServableVersionPolicy


def complete_versions(base_path: str) -> list[int]:
    """Numbers of the folders below `base_path` that hold a saved model, rising.

    A version that is still being written, without `saved_model.pb`, is not there yet.
    """
    try:
        folders = [folder for folder in Path(base_path).iterdir() if folder.name.isdecimal()]
    except OSError:
        return []
    return sorted(int(folder.name) for folder in folders if (folder / "saved_model.pb").is_file())


def aspired_versions(available: list[int], policy: Any) -> list[int]:
    """Those of `available` (rising) that `policy` asks for; the newest where it asks for nothing."""
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return list(available)
    if kind == "specific":
        wanted = set(policy.specific.versions)
        return [version for version in available if version in wanted]
    return available[-(policy.latest.num_versions or 1) :]


def state_of(folder: str) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and times of the files of a version: a failure to load it is final until these change."""
    found = []
    for path in sorted(Path(folder).rglob("*")):
        try:
            status = path.stat()
        except OSError:
            continue
        found.append((str(path), status.st_size, status.st_mtime_ns))
    return tuple(found)
