"""The section `beam` becomes Beam's own command-line arguments, step by step."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.pipeline.beam_config import BEAM_STEPS, BeamConfig
from interestflow.pipeline.config import ConfigurationError
from tests.pipeline.dag.small_configs import RANKER, load_text

PORTABLE = {"runner": "PortableRunner", "options": {"job_endpoint": "flink:8099", "environment_type": "LOOPBACK"}}
PORTABLE_ARGUMENTS = ["--runner=PortableRunner", "--job_endpoint=flink:8099", "--environment_type=LOOPBACK"]


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({}, ["--runner=FnApiRunner", "--direct_running_mode=in_memory", "--direct_num_workers=1"]),
        (
            {"runner": "multi_processing"},
            ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=0"],
        ),
        (
            {"runner": "multi_processing", "workers": 3},
            ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=3"],
        ),
        (PORTABLE, PORTABLE_ARGUMENTS),
        ({"runner": "FlinkRunner", "workers": 8}, ["--runner=FlinkRunner", "--parallelism=8"]),
        ({"runner": "DataflowRunner", "workers": 8}, ["--runner=DataflowRunner", "--num_workers=8"]),
        (
            {"runner": "my.own.Runner", "options": {"experiments": ["a", "b"], "streaming": True}},
            ["--runner=my.own.Runner", "--experiments=a", "--experiments=b", "--streaming"],
        ),
        (PORTABLE | {"shared_folder": True}, [*PORTABLE_ARGUMENTS, "--shared_folder=/"]),
        (PORTABLE | {"shared_folder": "/mnt/nfs/"}, [*PORTABLE_ARGUMENTS, "--shared_folder=/mnt/nfs"]),
    ],
)
def test_arguments_of_a_runner(section: dict[str, object], expected: list[str]) -> None:
    beam = BeamConfig.model_validate(section)
    assert [beam.arguments(step) for step in BEAM_STEPS] == [expected] * len(BEAM_STEPS)
    assert BeamConfig.model_validate_json(beam.model_dump_json()) == beam


def test_a_step_has_its_own_runner_or_further_options() -> None:
    steps = {
        "Transform": {"options": ["--job_endpoint=other:1"]},
        "Evaluator": {"runner": "multi_processing", "workers": 2},
    }
    beam = BeamConfig.model_validate(PORTABLE | {"steps": steps})
    assert beam.arguments("Transform") == [*PORTABLE_ARGUMENTS, "--job_endpoint=other:1"]
    assert beam.arguments("BaselineEvaluator") == PORTABLE_ARGUMENTS
    assert beam.arguments("Evaluator") == [
        "--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("section", "mistake"),
    [
        ("{runer: in_memory}", "`beam.runer` is not a key that is known here; did you mean `runner`?"),
        (
            "{runner: multi_threading}",
            "`beam.runner` should not be multi_threading, since Beam's threads lose records without an error, "
            "received 'multi_threading'",
        ),
        (
            "{runner: apache_beam.runners.dask.dask_runner.DaskRunner}",
            "`beam.runner` should not be DaskRunner, since Beam's DaskRunner writes wrong output without an error, "
            "received 'apache_beam.runners.dask.dask_runner.DaskRunner'",
        ),
        (
            "{runner: Flink}",
            "`beam.runner` should be in_memory, multi_processing, PortableRunner, FlinkRunner, SparkRunner, "
            "DataflowRunner, PrismRunner or the dotted path of a Beam runner, received 'Flink'",
        ),
        (
            "{workers: 2}",
            "`beam.workers` should be 1 or left out with in_memory, which is one process; multi_processing has "
            "several, received 2",
        ),
        (
            "{runner: SparkRunner, workers: 2}",
            "`beam.workers` should be left out with SparkRunner, which takes its workers from its own options, "
            "received 2",
        ),
        ("{options: [job_endpoint]}", "`beam.options` should hold options in the form --NAME=VALUE, received "
                                      "'job_endpoint'"),
        ("{options: {runner: FlinkRunner}}", "`beam.options` should not hold --runner, which is set by `runner`, "
                                             "received '--runner=FlinkRunner'"),
        ("{options: {direct_running_mode: multi_threading}}",
         "`beam.options` should not hold --direct_running_mode, which is set by `runner`, "
         "received '--direct_running_mode=multi_threading'"),
        ("{options: {streaming: false}}",
         "`beam.options` should leave out an option that is off, received streaming: False"),
        ("{shared_folder: nfs}", "`beam.shared_folder` should be true, false or an absolute path, received 'nfs'"),
    ],
)  # fmt: skip
def test_mistakes_name_key_value_and_line(section: str, mistake: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_text(tmp_path, f"{RANKER}beam: {section}\n")
    assert str(refused.value) == f"{mistake} ({tmp_path}/config.yaml, line 8)"


def test_a_step_without_a_beam_job_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"`beam.steps.Trainer` should be one of LogExampleGen, .*, line 10\)"):
        load_text(tmp_path, f"{RANKER}beam:\n  steps:\n    Trainer: {{runner: in_memory}}\n")
    mistake = r"`steps.Transform.workers` should be 1 or left out with in_memory"
    with pytest.raises(ConfigurationError, match=mistake):
        load_text(tmp_path, f"{RANKER}beam: {{steps: {{Transform: {{workers: 2}}}}}}\n")
