"""Removal of what a job that failed or was killed left behind: scratch folders and unfinished files."""

from __future__ import annotations

import os
import shutil

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from interestflow.storage import is_remote

SCRATCH, UNFINISHED = ".scratch-", ".unfinished"
"""How the names of scratch folders begin, and how those of unfinished files end."""


def remove_leftovers(folder: str) -> None:
    """Remove all scratch folders and unfinished files below a folder, which need not exist.

    No job may be writing to the folder. Workers that outlive a failed job end on their own: their files are gone.
    """
    if is_remote(folder):
        _remove_remote_leftovers(folder)
        return
    for parent, folders, files in os.walk(folder):
        for name in [name for name in folders if name.startswith(SCRATCH)]:
            shutil.rmtree(os.path.join(parent, name), ignore_errors=True)
            folders.remove(name)
        for name in files:
            if name.endswith(UNFINISHED):
                os.remove(os.path.join(parent, name))


def _remove_remote_leftovers(folder: str) -> None:
    """Remove the leftovers below a URL, where folders are parts of names."""
    FileSystems.set_options(PipelineOptions([]))  # without any, Beam opens nothing on s3
    (match,) = FileSystems.match([f"{folder}/**"])
    paths = [file.path for file in match.metadata_list]
    leftovers = [path for path in paths if f"/{SCRATCH}" in path.removeprefix(folder) or path.endswith(UNFINISHED)]
    if leftovers:
        FileSystems.delete(leftovers)
