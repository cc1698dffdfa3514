"""Parameters arrive in the types that the step declares, or are refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from interestflow.kubeflow.step.errors import StepInputError
from interestflow.kubeflow.step.executor_input import ParameterSpec
from interestflow.kubeflow.step.parameters import execution_properties


def spec(kind: str, optional: bool = False) -> ParameterSpec:
    return ParameterSpec.model_validate({"parameterType": kind, "isOptional": optional})


@pytest.mark.parametrize(
    ("kind", "received", "expected"),
    [
        ("NUMBER_INTEGER", 3.0, 3),
        ("NUMBER_INTEGER", 3, 3),
        ("NUMBER_INTEGER", True, 1),
        ("NUMBER_DOUBLE", 1, 1.0),
        ("NUMBER_DOUBLE", 0.05, 0.05),
        ("BOOLEAN", 1, True),
        ("BOOLEAN", 0.0, False),
        ("BOOLEAN", True, True),
        ("STRING", "", ""),
        ("STRUCT", {"a": 1}, {"a": 1}),
        ("LIST", [1.0], [1.0]),
        ("TASK_FINAL_STATUS", {"state": "SUCCEEDED"}, {"state": "SUCCEEDED"}),
    ],
)
def test_values_have_the_declared_type(kind: str, received: Any, expected: Any) -> None:
    properties = execution_properties({"key": received}, {"key": spec(kind)})
    assert properties == {"key": expected}
    assert type(properties["key"]) is type(expected)


@pytest.mark.parametrize(
    ("kind", "received", "message"),
    [
        ("NUMBER_INTEGER", 1.5, "parameter `key` should be an integer, received 1.5"),
        ("NUMBER_INTEGER", "1", "parameter `key` should be an integer, received '1'"),
        ("NUMBER_INTEGER", float("inf"), "parameter `key` should be an integer, received inf"),
        ("NUMBER_DOUBLE", "0.1", "parameter `key` should be a number, received '0.1'"),
        ("BOOLEAN", 2, "parameter `key` should be a boolean, received 2"),
        ("STRING", 1, "parameter `key` should be a string, received 1"),
        ("STRUCT", [1], "parameter `key` should be a mapping, received [1]"),
        ("LIST", {"a": 1}, "parameter `key` should be a list, received {'a': 1}"),
    ],
)
def test_values_of_another_type_are_refused(kind: str, received: Any, message: str) -> None:
    with pytest.raises(StepInputError) as error:
        execution_properties({"key": received}, {"key": spec(kind)})
    assert str(error.value) == message


def test_an_optional_parameter_may_be_absent_or_null() -> None:
    specs = {"a": spec("STRING", optional=True), "b": spec("STRING", optional=True), "c": spec("STRING")}
    assert execution_properties({"a": None, "c": "x"}, specs) == {"c": "x"}


def test_missing_and_unknown_parameters_are_left_out_and_named(caplog: pytest.LogCaptureFixture) -> None:
    specs = {"fail_on": spec("STRING"), "span": spec("STRING")}
    assert execution_properties({"span": "1", "fail_on": None}, specs) == {"span": "1"}
    assert "parameter `fail_on` is declared by the step, received `fail_on`, `span`" in caplog.text
    values = {"span": "1", "fail_on": "error", "stop_at": "error"}
    assert execution_properties(values, specs) == {"span": "1", "fail_on": "error"}
    assert "parameter `stop_at` is not declared by the step, which has `fail_on`, `span`; it is left out" in caplog.text
