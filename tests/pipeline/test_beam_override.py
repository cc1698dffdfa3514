"""The command line replaces the runner of the configuration for one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.pipeline.beam_override import with_beam
from interestflow.pipeline.config import ConfigurationError
from tests.pipeline.dag.small_configs import RANKER, load_text

BEAM = """beam:
  runner: PortableRunner
  options: {job_endpoint: "flink:8099"}
  shared_folder: /mnt/nfs
  steps: {Transform: {runner: in_memory}}
"""


def test_a_runner_replaces_all_but_the_shared_folder(tmp_path: Path) -> None:
    beam = with_beam(load_text(tmp_path, RANKER + BEAM), "FlinkRunner", ["flink_master=jobs:8081", "--streaming"]).beam
    expected = ["--runner=FlinkRunner", "--flink_master=jobs:8081", "--streaming", "--shared_folder=/mnt/nfs"]
    assert beam.arguments("Transform") == beam.arguments("Evaluator") == expected


def test_options_alone_follow_those_of_every_runner(tmp_path: Path) -> None:
    beam = with_beam(load_text(tmp_path, RANKER + BEAM), None, ["job_endpoint=other:1"]).beam
    assert beam.arguments("Evaluator") == [
        "--runner=PortableRunner", "--job_endpoint=flink:8099", "--job_endpoint=other:1", "--shared_folder=/mnt/nfs",
    ]  # fmt: skip
    assert beam.arguments("Transform")[0] == "--runner=FnApiRunner"
    assert beam.arguments("Transform")[-2:] == ["--job_endpoint=other:1", "--shared_folder=/mnt/nfs"]


def test_mistakes_name_the_option(tmp_path: Path) -> None:
    config = load_text(tmp_path, RANKER)
    with pytest.raises(ConfigurationError, match=r"^`--beam-runner` should not be DaskRunner, since .*'DaskRunner'$"):
        with_beam(config, "DaskRunner", [])
    with pytest.raises(ConfigurationError, match=r"^`--beam-option` should not hold --runner, .*'--runner=x'$"):
        with_beam(config, None, ["runner=x"])
