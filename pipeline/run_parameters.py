"""Run parameters: settings that may change from one run to the next without a change of the configuration.

On this machine they are given by `interestflow run --parameter NAME=VALUE`; on Kubeflow Pipelines they are declared in
the specification and given with each run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from interestflow.assignments import AssignmentError, split_assignments
from interestflow.models.training_config import OptimizerConfig, TrainingConfig
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.gate_config import GateConfig

SPAN, LEARNING_RATE, GATE, SCHEDULED_TIME = "span", "learning_rate", "gate", "scheduled_time"
DESCRIPTIONS: Mapping[str, str] = {
    SPAN: "Span of the log to read, which replaces `{span}` in `data.folder` and in the paths of tables.",
    LEARNING_RATE: "Learning rate of the model's optimizer.",
    GATE: 'JSON object of settings of `evaluation.gate` that replace the configured ones, e.g. {"at_least": {"auc": '
    "0.7}}; empty for none.",
    SCHEDULED_TIME: "Time for which a recurring run was scheduled, recorded with the input files.",
}
"""What each run parameter changes, by its name."""
LOCAL = tuple(name for name in DESCRIPTIONS if name != SCHEDULED_TIME)
"""Run parameters of a run on this machine, which nothing schedules."""


class RunParameterError(Exception):
    """A run parameter that does not exist or whose value cannot be used."""


def parse_assignments(assignments: Iterable[str]) -> dict[str, str]:
    """Return the texts of `NAME=VALUE` by name.

    Raises:
        RunParameterError: if an assignment has no `=`, if a name is given twice, or if there is no such parameter.
    """
    try:
        return split_assignments("--parameter", assignments, LOCAL)
    except AssignmentError as error:
        raise RunParameterError(str(error)) from None


def with_parameters(config: PipelineConfig, values: Mapping[str, str]) -> PipelineConfig:
    """Return a copy of a configuration with the run parameters of `parse_assignments`.

    Raises:
        RunParameterError: if a value cannot be used.
    """
    changed = config.with_span(values.get(SPAN, ""))
    if LEARNING_RATE in values:
        changed = with_learning_rate(changed, _number(values[LEARNING_RATE]))
    evaluation = changed.evaluation.model_copy(
        update={"gate": with_gate(changed.evaluation.gate, values.get(GATE, ""))}
    )
    try:
        return PipelineConfig.model_validate(changed.model_copy(update={"evaluation": evaluation}).model_dump())
    except ValidationError as error:
        raise RunParameterError(f"run parameters: {_first_problem(error)}") from None


def with_learning_rate(config: PipelineConfig, learning_rate: float) -> PipelineConfig:
    """Return a copy with another learning rate of the model's optimizer.

    Raises:
        RunParameterError: if the optimizer cannot have this learning rate.
    """
    document = config.training.optimizer.model_dump() | {"learning_rate": learning_rate}
    try:
        optimizer = OptimizerConfig.model_validate(document)
    except ValidationError as error:
        raise RunParameterError(f"run parameter `{LEARNING_RATE}`: {_first_problem(error)}") from None
    training: TrainingConfig = config.training.model_copy(update={"optimizer": optimizer})
    return config.model_copy(update={"training": training})


def with_gate(gate: GateConfig, settings: str) -> GateConfig:
    """Return a copy of a gate in which the settings of a JSON object replace those of the same name; "" for none.

    Raises:
        RunParameterError: if the text is not such an object.
    """
    if not settings:
        return gate
    try:
        document = json.loads(settings)
        if not isinstance(document, dict):
            raise ValueError("not an object")
        return GateConfig.model_validate(gate.model_dump() | document)
    except ValidationError as error:
        raise RunParameterError(f"run parameter `{GATE}`: {_first_problem(error)}") from None
    except ValueError:
        raise RunParameterError(
            f"run parameter `{GATE}` should be a JSON object of settings of `evaluation.gate`, received {settings!r}"
        ) from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RunParameterError(f"run parameter `{LEARNING_RATE}` should be a number, received {text!r}") from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"`{where}`: {problem['msg']}, received {problem['input']!r}" if where else problem["msg"]
