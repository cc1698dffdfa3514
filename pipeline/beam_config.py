"""Section `beam` of the configuration: the runner of the Beam jobs, with its own options, for all steps or for one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from interestflow.section import PositiveInt, Section

BeamStep = Literal["LogExampleGen", "KnowledgeGraphGen", "StatisticsGen", "Transform", "Evaluator", "BaselineEvaluator"]
"""Steps of the graph that run a Beam job."""
BEAM_STEPS: tuple[BeamStep, ...] = get_args(BeamStep)
IN_MEMORY, MULTI_PROCESSING = "in_memory", "multi_processing"
WORKER_OPTIONS: Mapping[str, str] = {
    MULTI_PROCESSING: "direct_num_workers",
    "DataflowRunner": "num_workers",
    "FlinkRunner": "parallelism",
}
"""Option that holds the number of workers, by runner."""
RUNNERS = (
    IN_MEMORY, MULTI_PROCESSING, "PortableRunner", "FlinkRunner", "SparkRunner", "DataflowRunner", "PrismRunner"
)  # fmt: skip
"""Runners by name. The first two run on this machine, the others are Beam's own classes."""
REFUSED = {
    "multi_threading": "since Beam's threads lose records without an error",
    "DaskRunner": "since Beam's DaskRunner writes wrong output without an error",
    "DirectRunner": "since Beam's DirectRunner downloads a program at run time; in_memory needs none",
}
"""Runners that exist and must not be used, each with the reason."""
OWN_OPTIONS = {
    "runner": "`runner`", "direct_running_mode": "`runner`", "direct_num_workers": "`workers`",
    "shared_folder": "`beam.shared_folder`",
}  # fmt: skip
"""Options that keys of this section set, by name."""


def _check_runner(name: str) -> str:
    """Return the name of a runner that can be used."""
    for refused, reason in REFUSED.items():
        if name.rpartition(".")[2] == refused:
            raise ValueError(f"should not be {refused}, {reason}, received {name!r}")
    if name not in RUNNERS and "." not in name:
        raise ValueError(f"should be {', '.join(RUNNERS)} or the dotted path of a Beam runner, received {name!r}")
    return name


def _as_arguments(options: object) -> object:
    """Return a mapping of options as command-line arguments; true is a flag, and a list repeats the option."""
    if not isinstance(options, Mapping):
        return options
    arguments = []
    for name, value in options.items():
        if value is False or value is None:
            raise ValueError(f"should leave out an option that is off, received {name}: {value}")
        values = value if isinstance(value, list) else [value]
        arguments += [f"--{name}" if entry is True else f"--{name}={entry}" for entry in values]
    return arguments


def _check_options(options: tuple[str, ...]) -> tuple[str, ...]:
    """Return the arguments, none of which is set by another key."""
    for option in options:
        if not option.startswith("--"):
            raise ValueError(f"should hold options in the form --NAME=VALUE, received {option!r}")
        name = option[2:].partition("=")[0]
        if name in OWN_OPTIONS:
            raise ValueError(f"should not hold --{name}, which is set by {OWN_OPTIONS[name]}, received {option!r}")
    return options


def _check_shared_folder(value: bool | str) -> bool | str:
    """Return whether local folders are shared, or the absolute path below which they are."""
    if isinstance(value, bool):
        return value
    if not PurePath(value).is_absolute():
        raise ValueError(f"should be true, false or an absolute path, received {value!r}")
    return value.rstrip("/") or "/"


def _check_workers(key: str, runner: str, workers: int | None) -> None:
    """Check that a runner has as many workers as the key says."""
    if workers is None or runner in WORKER_OPTIONS:
        return
    if runner != IN_MEMORY:
        raise ValueError(
            f"`{key}` should be left out with {runner}, which takes its workers from its own options, "
            f"received {workers}"
        )
    if workers > 1:
        raise ValueError(
            f"`{key}` should be 1 or left out with in_memory, which is one process; multi_processing has several, "
            f"received {workers}"
        )


RunnerName = Annotated[str, AfterValidator(_check_runner)]
BeamOptions = Annotated[tuple[str, ...], BeforeValidator(_as_arguments), AfterValidator(_check_options)]
SharedFolder = Annotated[bool | str, AfterValidator(_check_shared_folder)]


class BeamStepConfig(Section):
    """Beam settings of one step. With another runner than that of `beam.runner`, nothing of `beam` is inherited."""

    runner: RunnerName | None = Field(None, description="Runner of this step; by default `beam.runner`.")
    workers: PositiveInt | None = Field(None, description="Workers of this step; by default `beam.workers`.")
    options: BeamOptions = Field((), description="Options that follow `beam.options`, of which the last one counts.")


class BeamConfig(Section):
    """How the steps that process data by Apache Beam run it: statistics, transform and the like."""

    runner: RunnerName = Field(
        IN_MEMORY,
        description="Runner: `in_memory` (one process), `multi_processing` (several on this machine), or a class of "
        "Beam: `PortableRunner`, `FlinkRunner`, `SparkRunner`, `DataflowRunner`, `PrismRunner`, or a dotted path.",
    )
    workers: PositiveInt | None = Field(
        None,
        description="Processes of `multi_processing` (by default one a core), `--parallelism` of `FlinkRunner`, or "
        "`--num_workers` of `DataflowRunner`.",
    )
    options: BeamOptions = Field(
        (),
        description="Beam's own pipeline options, as a list of `--NAME=VALUE` or a section of names and values, "
        "e.g. `{job_endpoint: localhost:8099, environment_type: LOOPBACK}`.",
    )
    steps: dict[BeamStep, BeamStepConfig] = Field(
        {},
        description="Settings of single steps, by their id: `LogExampleGen`, `KnowledgeGraphGen`, `StatisticsGen`, "
        "`Transform`, `Evaluator` or `BaselineEvaluator`.",
    )
    shared_folder: SharedFolder = Field(
        False,
        description="Whether local folders are visible at the same paths on every worker (e.g. NFS): `true` for all, "
        "or the absolute path below which they are. A runner with workers elsewhere refuses other local folders.",
    )

    @model_validator(mode="after")
    def _has_workers_where_they_count(self) -> BeamConfig:
        _check_workers("workers", self.runner, self.workers)
        for step, own in self.steps.items():
            _check_workers(f"steps.{step}.workers", own.runner or self.runner, own.workers)
        return self

    def arguments(self, step: str) -> list[str]:
        """Return the command-line arguments of Beam for a step, given by its id."""
        own = self.steps.get(step, BeamStepConfig())  # type: ignore[call-overload]
        runner, workers, options = self.runner, own.workers or self.workers, (*self.options, *own.options)
        if own.runner is not None and own.runner != self.runner:
            runner, workers, options = own.runner, own.workers, own.options
        return [*_runner_arguments(runner, workers), *options, *self._shared_arguments()]

    def _shared_arguments(self) -> list[str]:
        if self.shared_folder is False:
            return []
        return [f"--shared_folder={'/' if self.shared_folder is True else self.shared_folder}"]


def _runner_arguments(runner: str, workers: int | None) -> list[str]:
    """Return the arguments that choose a runner and its workers."""
    if runner in (IN_MEMORY, MULTI_PROCESSING):
        # Beam's DirectRunner would first try Prism, which it downloads. 0 workers are one a core.
        count = 1 if runner == IN_MEMORY else workers or 0
        return ["--runner=FnApiRunner", f"--direct_running_mode={runner}", f"--direct_num_workers={count}"]
    option = WORKER_OPTIONS.get(runner)
    return [f"--runner={runner}", *([] if option is None or workers is None else [f"--{option}={workers}"])]


IN_MEMORY_ARGUMENTS = _runner_arguments(IN_MEMORY, None)
"""Arguments of the default runner, for jobs that are started without a configuration."""
