"""Values of a step's parameters in the types that its executor expects."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from interestflow.kubeflow.step.errors import StepInputError
from interestflow.kubeflow.step.executor_input import ParameterSpec

EXPECTED: Mapping[str, tuple[tuple[type, ...], str]] = {
    "STRING": ((str,), "a string"),
    "NUMBER_INTEGER": ((int, float), "an integer"),
    "NUMBER_DOUBLE": ((int, float), "a number"),
    "BOOLEAN": ((bool, int, float), "a boolean"),
    "STRUCT": ((dict,), "a mapping"),
    "LIST": ((list,), "a list"),
}
"""By parameter type, the JSON types that the backend sends and their name. Other types are passed as they are."""


def execution_properties(values: Mapping[str, Any], specs: Mapping[str, ParameterSpec]) -> dict[str, Any]:
    """Return the parameters for the executor; one that is null is left out, as TFX does locally.

    A parameter that the step does not declare is the backend's own, and is left out with a warning. One that is missing
    is left to the executor, which alone knows whether it has a default: the declaration does not say so.

    Raises:
        StepInputError: if a parameter is of another type than declared.
    """
    for name in sorted(values.keys() - specs.keys()):
        logging.warning("parameter `%s` is not declared by the step, which has %s; it is left out", name, _names(specs))
    properties = {}
    for name, spec in specs.items():
        value = values.get(name)
        if value is not None:
            properties[name] = _convert(name, value, spec.parameter_type)
        elif not spec.is_optional:
            logging.warning("parameter `%s` is declared by the step, received %s", name, _names(values))
    return properties


def _convert(name: str, value: Any, kind: str) -> Any:
    """Return a value in its declared type. The backend knows only doubles, and booleans may come as 1 and 0."""
    if kind not in EXPECTED:
        return value
    types, expected = EXPECTED[kind]
    is_valid = isinstance(value, types)
    if kind == "NUMBER_INTEGER":
        is_valid = is_valid and float(value).is_integer()
    elif kind == "BOOLEAN":
        is_valid = is_valid and value in (0, 1)
    if not is_valid:
        raise StepInputError(f"parameter `{name}` should be {expected}, received {value!r}")
    converters = {"NUMBER_INTEGER": int, "NUMBER_DOUBLE": float, "BOOLEAN": bool}
    return converters[kind](value) if kind in converters else value


def _names(names: Mapping[str, Any]) -> str:
    """Return names as they stand in a message."""
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none"
