"""The context in which every Beam job of a step runs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from apache_beam.options.pipeline_options import PipelineOptions

from interestflow.beam_runner.endpoints import check_endpoints
from interestflow.beam_runner.leftovers import remove_leftovers
from interestflow.beam_runner.lost_workers import watch_workers
from interestflow.beam_runner.outputs import Artifacts, check_outputs, folders_of
from interestflow.beam_runner.places import check_folders


@contextmanager
def guard_step(arguments: list[str], inputs: Artifacts, outputs: Artifacts) -> Iterator[None]:
    """Check a step's runner and folders before it runs, and its outputs after it; leave nothing unfinished behind.

    Args:
        arguments: Beam's command-line arguments.
        inputs: artifacts that the step reads.
        outputs: artifacts that it writes.

    Raises:
        BeamRunnerError: if the runner is not there, its workers may not see a folder, or it lost a worker or an output.
    """
    options = PipelineOptions(arguments)
    places = folders_of(inputs, "input") | folders_of(outputs, "output")
    check_folders(options, places)
    check_endpoints(options)
    with removed_after_failure(folders_of(outputs, "output").values()):
        with watch_workers(options):
            yield
        check_outputs(options, inputs, outputs)


@contextmanager
def removed_after_failure(folders: Iterable[str]) -> Iterator[None]:
    """Remove scratch folders and unfinished files below `folders` if the `with` block ends with an error."""
    try:
        yield
    except BaseException:
        for folder in folders:
            try:
                remove_leftovers(folder)
            except Exception:  # the reason of the failure is worth more than that of the removal
                logging.getLogger(__name__).exception("what the failed step left below %s is still there", folder)
        raise
