"""Checks of how steps are wired, and the order in which they run."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.specification import Specification, Task


def execution_order(specification: Specification) -> list[Task]:
    """Return the steps so that each follows all that it depends on; alphabetically where that leaves a choice.

    Raises:
        RefusedError: steps depend on one another in a circle.
    """
    remaining = dict(sorted(specification.tasks.items()))
    ordered: list[Task] = []
    while remaining:
        ready = [
            task for task in remaining.values() if not any(name in remaining for name in task.spec.dependent_tasks)
        ]
        if not ready:
            raise RefusedError(f"tasks depend on one another in a circle: {', '.join(remaining)}")
        ordered.append(remaining.pop(ready[0].name))
    return ordered


def check_wiring(specification: Specification) -> None:
    """Refuse inputs that no one provides or declares, and kinds of inputs that are not executed.

    Raises:
        RefusedError: with the first task and input that is wrong.
    """
    for task in specification.tasks.values():
        _check_task(specification, task)
        _check_parameters(specification, task)
        _check_artifacts(specification, task)


def _check_task(specification: Specification, task: Task) -> None:
    place = f"task `{task.name}`"
    if task.spec.WhichOneof("iterator") is not None:
        raise RefusedError(f"{place}: iterators are not executed")
    if task.spec.trigger_policy.strategy > 1:
        raise RefusedError(f"{place}: exit handlers (`triggerPolicy.strategy`) are not executed")
    for name in task.spec.dependent_tasks:
        if name not in specification.tasks:
            raise RefusedError(f"{place}: `dependentTasks` names `{name}`, which does not exist")
    policy = task.spec.retry_policy
    if policy.max_retry_count < 0 or policy.backoff_factor < 0:
        raise RefusedError(f"{place}: `retryPolicy` should have no negative number")


def _check_producer(specification: Specification, task: Task, name: str, producer: str) -> Task:
    if producer not in specification.tasks:
        raise RefusedError(f"task `{task.name}`: input `{name}` comes from task `{producer}`, which does not exist")
    if producer not in task.spec.dependent_tasks:
        raise RefusedError(
            f"task `{task.name}`: input `{name}` comes from task `{producer}`, which is not in `dependentTasks`"
        )
    return specification.tasks[producer]


def _check_output(label: str, producer: Task, kind: str, key: str, outputs: Container[str]) -> None:
    """Refuse an input that reads an output, `key`, which its producer does not declare among its `outputs`."""
    if key not in outputs:
        raise RefusedError(f"{label} reads output {kind} `{key}` of task `{producer.name}`, which has no such output")


def _check_parameters(specification: Specification, task: Task) -> None:
    place = f"task `{task.name}`"
    declared = task.component.input_definitions.parameters
    for name, parameter in task.spec.inputs.parameters.items():
        if name not in declared:
            raise RefusedError(f"{place}: its component does not declare parameter `{name}`")
        if parameter.parameter_expression_selector:
            raise RefusedError(f"{place}: `parameterExpressionSelector` of parameter `{name}` is not executed")
        _check_parameter_source(specification, task, name, parameter)
    for name, spec in declared.items():
        has_value = name in task.spec.inputs.parameters or spec.is_optional or spec.HasField("default_value")
        if not has_value:
            raise RefusedError(f"{place}: parameter `{name}` is not optional and has neither a value nor a default")


def _check_parameter_source(specification: Specification, task: Task, name: str, parameter: Any) -> None:
    place = f"task `{task.name}`"
    kind = parameter.WhichOneof("kind")
    if kind == "component_input_parameter":
        if parameter.component_input_parameter not in specification.parameters:
            raise RefusedError(
                f"{place}: parameter `{name}` reads the run's parameter `{parameter.component_input_parameter}`, "
                "which `root.inputDefinitions` does not declare"
            )
    elif kind == "task_output_parameter":
        source = parameter.task_output_parameter
        producer = _check_producer(specification, task, name, source.producer_task)
        outputs = producer.component.output_definitions.parameters
        _check_output(f"{place}: input `{name}`", producer, "parameter", source.output_parameter_key, outputs)
    elif kind != "runtime_value" or parameter.runtime_value.WhichOneof("value") != "constant":
        raise RefusedError(f"{place}: the backend does not implement the source of parameter `{name}`")


def _check_artifacts(specification: Specification, task: Task) -> None:
    place = f"task `{task.name}`"
    declared = task.component.input_definitions.artifacts
    for name, artifact in task.spec.inputs.artifacts.items():
        if name not in declared:
            raise RefusedError(f"{place}: its component does not declare input artifact `{name}`")
        if artifact.WhichOneof("kind") != "task_output_artifact":
            raise RefusedError(f"{place}: input artifact `{name}` should come from a task's output")
        source = artifact.task_output_artifact
        producer = _check_producer(specification, task, name, source.producer_task)
        outputs = producer.component.output_definitions.artifacts
        _check_output(f"{place}: input `{name}`", producer, "artifact", source.output_artifact_key, outputs)
    for name, spec in declared.items():
        if name not in task.spec.inputs.artifacts and not spec.is_optional:
            raise RefusedError(f"{place}: input artifact `{name}` is not optional and comes from nowhere")
