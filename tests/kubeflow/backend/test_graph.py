"""Steps run after all that they depend on, and inputs that no one provides or declares are refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.graph import check_wiring, execution_order
from tests.kubeflow.backend.toy_pipelines import Step, document, read

TOY = document(
    {
        "Zero": Step(writes=("number",), returns={"count": "NUMBER_INTEGER"}),
        "Use": Step(
            reads={"number": "Zero.number"},
            parameters={"rate": ("run:rate", "NUMBER_DOUBLE"), "count": ("Zero:count", "NUMBER_INTEGER")},
        ),
        "Also": Step(after=("Use",)),
        "First": Step(),
    },
    {"rate": {"parameterType": "NUMBER_DOUBLE", "defaultValue": 1.0}},
)


def test_the_order_is_alphabetical_where_dependencies_leave_a_choice(tmp_path: Path) -> None:
    specification = read(tmp_path, TOY)
    check_wiring(specification)
    assert [task.name for task in execution_order(specification)] == ["First", "Zero", "Use", "Also"]


def test_a_circle_is_refused(tmp_path: Path) -> None:
    circle = read(tmp_path, document({"A": Step(after=("B",)), "B": Step(after=("A",)), "C": Step()}))
    with pytest.raises(RefusedError, match="tasks depend on one another in a circle: A, B"):
        execution_order(circle)


def use(toy: dict[str, Any]) -> dict[str, Any]:
    return toy["root"]["dag"]["tasks"]["Use"]


def parameters(toy: dict[str, Any]) -> dict[str, Any]:
    return use(toy)["inputs"]["parameters"]


def artifacts(toy: dict[str, Any]) -> dict[str, Any]:
    return use(toy)["inputs"]["artifacts"]


def definitions(toy: dict[str, Any]) -> dict[str, Any]:
    return toy["components"]["Use"]["inputDefinitions"]


REFUSALS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "not in dependentTasks": (
        lambda toy: use(toy).update(dependentTasks=[]),
        "input `(count|number)` comes from task `Zero`, which is not in `dependentTasks`",
    ),
    "unknown dependency": (
        lambda toy: use(toy).update(dependentTasks=["Zero", "Nobody"]),
        "`dependentTasks` names `Nobody`, which does not",
    ),
    "TFX's suffix": (
        lambda toy: parameters(toy)["count"]["taskOutputParameter"].update(producerTask="Zero_task"),
        "input `count` comes from task `Zero_task`, which does not exist",
    ),
    "missing producer": (
        lambda toy: artifacts(toy)["number"]["taskOutputArtifact"].update(producerTask="Nobody"),
        "input `number` comes from task `Nobody`, which does not exist",
    ),
    "missing output artifact": (
        lambda toy: artifacts(toy)["number"]["taskOutputArtifact"].update(outputArtifactKey="letter"),
        "input `number` reads output artifact `letter` of task `Zero`, which has no such output",
    ),
    "missing output parameter": (
        lambda toy: parameters(toy)["count"]["taskOutputParameter"].update(outputParameterKey="letter"),
        "input `count` reads output parameter `letter` of task `Zero`, which has no such output",
    ),
    "undeclared run parameter": (
        lambda toy: parameters(toy).update(rate={"componentInputParameter": "[[ScheduledTime]]"}),
        r"reads the run's parameter `\[\[ScheduledTime\]\]`, which `root.inputDefinitions` does not declare",
    ),
    "undeclared parameter of the step": (
        lambda toy: definitions(toy)["parameters"].pop("rate"),
        "its component does not declare parameter `rate`",
    ),
    "undeclared artifact of the step": (
        lambda toy: definitions(toy)["artifacts"].pop("number"),
        "its component does not declare input artifact `number`",
    ),
    "parameter without value": (
        lambda toy: parameters(toy).pop("rate"),
        "parameter `rate` is not optional and has neither a value nor a default",
    ),
    "artifact without source": (
        lambda toy: artifacts(toy).pop("number"),
        "input artifact `number` is not optional and comes from nowhere",
    ),
    "artifact of the run": (
        lambda toy: artifacts(toy).update(number={"componentInputArtifact": "number"}),
        "should come from a task's output",
    ),
    "selector": (
        lambda toy: parameters(toy)["rate"].update(parameterExpressionSelector="x"),
        "`parameterExpressionSelector` of",
    ),
    "final status": (
        lambda toy: parameters(toy).update(rate={"taskFinalStatus": {"producerTask": "Zero"}}),
        "the backend does not implement the source of parameter `rate`",
    ),
    "runtime parameter": (
        lambda toy: parameters(toy).update(rate={"runtimeValue": {"runtimeParameter": "rate"}}),
        "the backend does not implement the source of parameter `rate`",
    ),
    "iterator": (
        lambda toy: use(toy).update(parameterIterator={"itemInput": "rate", "items": {"raw": "[1]"}}),
        "iterators are not",
    ),
    "exit handler": (
        lambda toy: use(toy).update(triggerPolicy={"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}),
        "exit handlers",
    ),
    "negative retries": (
        lambda toy: use(toy).update(retryPolicy={"maxRetryCount": -1}),
        "should have no negative number",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_wrong_wiring_is_refused(case: str, tmp_path: Path) -> None:
    change, message = REFUSALS[case]
    toy = copy.deepcopy(TOY)
    change(toy)
    with pytest.raises(RefusedError, match=message):
        check_wiring(read(tmp_path, toy))
