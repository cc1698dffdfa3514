"""A worker process that is killed ends the job with one sentence, for which Beam alone would wait for ever."""

from __future__ import annotations

import os
import signal
import threading

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from interestflow.beam_runner.lost_workers import watch_workers
from interestflow.beam_runner.places import BeamRunnerError

SEVERAL = ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]


def run_to_death(arguments: list[str]) -> None:
    """Run a job whose workers kill themselves."""
    with watch_workers(PipelineOptions(arguments)), beam.Pipeline(argv=arguments) as pipeline:
        _ = pipeline | beam.Create([1]) | beam.Map(lambda _: os.kill(os.getpid(), signal.SIGKILL))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_killed_process_ends_the_job() -> None:
    hook, handler = threading.excepthook, signal.getsignal(signal.SIGUSR1)
    with pytest.raises(BeamRunnerError, match=r"^a process of multi_processing ended before .* return code (137|-9); "):
        run_to_death(SEVERAL)
    assert (threading.excepthook, signal.getsignal(signal.SIGUSR1)) == (hook, handler)


def test_a_thread_of_another_kind_is_not_a_worker() -> None:
    with watch_workers(PipelineOptions(SEVERAL)):
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
