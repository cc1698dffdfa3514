"""Where the workers of a Beam runner are, and the folders that they may not see."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions, StandardOptions

from interestflow.storage import is_remote

RUNNERS_HERE = frozenset({"FnApiRunner"})
"""Runners whose workers are this process or its children."""
LOOPBACK = "LOOPBACK"


class BeamRunnerError(Exception):
    """A Beam runner that cannot run the job, or that did not do what it reported; the message says why."""


class PlaceOptions(PipelineOptions):
    """The option of Beam pipelines that holds `beam.shared_folder`."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--shared_folder", default=None, help="Folder below which all workers see the same files.")


def runner_name(options: PipelineOptions) -> str:
    """Return the class name of the runner, without its module."""
    return str(options.view_as(StandardOptions).runner or "DirectRunner").rpartition(".")[2]


def has_workers_elsewhere(options: PipelineOptions) -> bool:
    """Return whether the workers may be on other machines, where local folders are other folders."""
    runner = runner_name(options)
    if runner in RUNNERS_HERE:
        return False
    environment = options.view_as(PortableOptions).environment_type
    if environment is None and runner == "PrismRunner":
        return False  # Its default is LOOPBACK.
    return bool(environment != LOOPBACK)


def check_folders(options: PipelineOptions, folders: Mapping[str, str]) -> None:
    """Check that the workers see every folder of a job.

    Args:
        options: Beam's options.
        folders: folders or URLs by what the message should call them, such as "`data.folder`".

    Raises:
        BeamRunnerError: if the workers may be elsewhere and a folder is local and not shared.
    """
    if not has_workers_elsewhere(options):
        return
    shared = options.view_as(PlaceOptions).shared_folder
    for name, folder in folders.items():
        if is_remote(folder) or (shared is not None and _is_below(folder, shared)):
            continue
        told = "" if shared is None else f", and not below {shared}"
        raise BeamRunnerError(
            f"{name} should be on gs:// or s3://, or below a folder that `beam.shared_folder` says all workers of "
            f"{runner_name(options)} see, received {folder}, which is local{told}"
        )


def _is_below(folder: str, shared: str) -> bool:
    """Return whether a local folder is the shared one or below it."""
    prefix = shared.rstrip("/")
    return folder == prefix or folder.startswith(f"{prefix}/")
