"""Conditions of steps (`triggerPolicy.condition`), in Google's Common Expression Language."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import celpy
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.celtypes import BoolType
from celpy.evaluation import CELEvalError

from interestflow.kubeflow.backend.errors import RefusedError

_UNDECLARED = re.compile(r"undeclared reference to '[^']*'")
_FIELDS: Mapping[str, Any] = {"parameters": {}, "artifacts": {}, "parameter_values": {}}
_ARTIFACT: Mapping[str, Any] = {"name": "", "uri": "", "metadata": {}, "properties": {}, "custom_properties": {}}


def compile_condition(task: str, text: str) -> Any:
    """Return the parsed condition.

    Args:
        task: name of the step, for the message.
        text: the expression.

    Raises:
        RefusedError: it is no expression.
    """
    try:
        return celpy.Environment().compile(text)
    except CELParseError as error:
        raise RefusedError(
            f"task `{task}`: `triggerPolicy.condition` {text!r} is no expression "
            f"(line {error.line}, column {error.column})"
        ) from None


def is_triggered(task: str, text: str, inputs: Mapping[str, Any]) -> bool:
    """Evaluate a condition over the inputs of a step.

    Args:
        task: name of the step, for the message.
        text: the expression; an empty one is true.
        inputs: `inputs` of the executor input.

    Raises:
        RefusedError: the expression reads what is not there, or its value is neither true nor false.
    """
    if not text:
        return True
    environment = celpy.Environment()
    program = environment.program(compile_condition(task, text), functions={"parseJson": _parse_json})
    activation = {"inputs": json_to_cel(_message(inputs)), "outputs": json_to_cel(dict(_FIELDS))}
    place = f"task `{task}`: `triggerPolicy.condition` {text!r}"
    try:
        result = program.evaluate(activation)
    except (CELEvalError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        # celpy passes some of what its operators raise on as it is.
        raise RefusedError(f"{place} failed: {_reason(error)}") from None
    if not isinstance(result, BoolType):
        raise RefusedError(f"{place} should be true or false, but is {result!r}")
    return bool(result)


def _message(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs under the names that a protobuf's fields have in an expression, absent ones empty."""
    artifacts = {
        name: {"artifacts": [{**_ARTIFACT, **artifact} for artifact in entry["artifacts"]]}
        for name, entry in inputs.get("artifacts", {}).items()
    }
    return {**_FIELDS, "artifacts": artifacts, "parameter_values": inputs.get("parameterValues", {})}


def _parse_json(text: Any) -> Any:
    try:
        return json_to_cel(json.loads(str(text)))
    except ValueError as error:
        return CELEvalError(f"failed to unmarshal JSON: {error}")


def _reason(error: Exception) -> str:
    """Return one sentence of an evaluation error, which carries values and causes in its arguments."""
    text = error.args[0] if error.args else ""
    details: list[Any] = [*error.args[1:], None, None]
    undeclared = _UNDECLARED.match(str(text))
    if undeclared:
        return undeclared[0]
    if details[0] is KeyError and details[1]:
        return f"{text} {str(details[1][0])!r}"
    # An operator that was applied to the error of its operand.
    return "it reads what is not there" if "CELEvalError" in str(text) else str(text)
