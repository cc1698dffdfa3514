"""End of a job of several processes on this machine when one of them dies, e.g. since the memory is exhausted.

Beam notices it in a thread of its own, prints it, and waits for the worker for ever.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions

from interestflow.beam_runner.places import RUNNERS_HERE, BeamRunnerError, runner_name

WORKER_THREAD = "run_worker"
"""Name of Beam's thread that waits for a worker process, and raises an error if it ends with an exit code."""

WORKER_PROGRAM = b"apache_beam.runners.worker.sdk_worker_main"
"""Module that a worker process runs."""


@contextmanager
def watch_workers(options: PipelineOptions) -> Iterator[None]:
    """Raise an error in the `with` block as soon as a worker process dies, if the job has any and runs in this thread.

    Args:
        options: Beam's options.

    Raises:
        BeamRunnerError: if a worker process ended with an exit code.
    """
    is_watched = runner_name(options) in RUNNERS_HERE and (
        options.view_as(DirectOptions).direct_running_mode == "multi_processing"
    )
    if not is_watched or threading.current_thread() is not threading.main_thread():
        yield
        return
    reasons: list[str] = []
    earlier_hook, main_thread = threading.excepthook, threading.get_ident()

    def note_error(error: threading.ExceptHookArgs) -> None:
        earlier_hook(error)
        if error.thread is not None and error.thread.name == WORKER_THREAD:
            reasons.append(str(error.exc_value))
            if len(reasons) == 1:
                signal.pthread_kill(main_thread, signal.SIGUSR1)  # wakes the thread that waits for the worker

    def raise_reason(number: int, frame: FrameType | None) -> None:
        for process in _worker_processes(os.getpid()):  # Beam would wait for the others, too
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        raise BeamRunnerError(
            f"a process of multi_processing ended before its work was done, as one does that is killed for its memory: "
            f"{reasons[0]}; fewer `beam.workers` or a smaller `memory` need less"
        )

    earlier_handler = signal.signal(signal.SIGUSR1, raise_reason)
    threading.excepthook = note_error
    try:
        yield
    finally:
        threading.excepthook = earlier_hook
        signal.signal(signal.SIGUSR1, earlier_handler)


def _worker_processes(ancestor: int) -> list[int]:
    """Return the ids of the worker processes that descend from a process; none where there is no /proc."""
    parents, workers = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # the process has ended
            process = int(folder.name)
            parents[process] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if WORKER_PROGRAM in (folder / "cmdline").read_bytes():
                workers.append(process)
    return [process for process in workers if ancestor in _ancestors(process, parents)]


def _ancestors(process: int, parents: Mapping[int, int]) -> list[int]:
    """Return the ids of the parent of a process, of its parent, and so on."""
    ancestors = []
    while (process := parents.get(process, 0)) and process not in ancestors:
        ancestors.append(process)
    return ancestors
