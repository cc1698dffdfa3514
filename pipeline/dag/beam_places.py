"""The folders of a local run that the workers of its Beam runners must see, and what killed runs left in them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from apache_beam.options.pipeline_options import PipelineOptions

from interestflow.beam_runner.leftovers import remove_leftovers
from interestflow.beam_runner.places import check_folders
from interestflow.pipeline.beam_config import BEAM_STEPS
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.folders import Folders
from interestflow.storage import is_remote

LOG_READERS = frozenset({"LogExampleGen", "KnowledgeGraphGen"})
LOCK = ".lock"


def check_places(config: PipelineConfig, folders: Folders, steps: Iterable[str]) -> None:
    """Check that the workers of each Beam step see the logs and the artifacts.

    Args:
        config: the whole configuration.
        folders: the folders of the run.
        steps: ids of the steps that are to run.

    Raises:
        BeamRunnerError: if the workers of a step may be elsewhere and a folder is local and not shared.
    """
    for step in steps:
        if step in BEAM_STEPS:
            places = {"`--runs-folder`": folders.root} | (_log_places(config) if step in LOG_READERS else {})
            check_folders(PipelineOptions(config.beam.arguments(step)), places)


def _log_places(config: PipelineConfig) -> dict[str, str]:
    """Return the folder of the data, and the tables that lie elsewhere, by their keys."""
    paths = {f"`data.{key}.path`": table.path for key, table in config.data.tables().items()}
    absolute = {key: path for key, path in paths.items() if is_remote(path) or os.path.isabs(path)}
    folder = {} if len(absolute) == len(paths) or config.data.folder is None else {"`data.folder`": config.data.folder}
    return folder | absolute


@contextmanager
def clean_folders(folders: Folders) -> Iterator[None]:
    """Remove what killed runs left of their Beam steps, unless another run of the pipeline is going on."""
    os.makedirs(folders.root, exist_ok=True)
    with open(os.path.join(folders.root, LOCK), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another run holds it, or the file system has no locks
            yield
            return
        for step in BEAM_STEPS:
            remove_leftovers(os.path.join(folders.artifacts, step))
        yield
