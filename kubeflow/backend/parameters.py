"""Parameters of a run: given on the command line, by default, and converted to the types that steps declare."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from interestflow.assignments import AssignmentError, split_assignments
from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.values import as_doubles, json_text, value_text

ParameterType = pipeline_spec_pb2.ParameterType
_NUMBERS = (ParameterType.NUMBER_DOUBLE, ParameterType.NUMBER_INTEGER)
_CLASSES: Mapping[int, type] = {
    ParameterType.STRING: str,
    ParameterType.NUMBER_DOUBLE: float,
    ParameterType.NUMBER_INTEGER: float,
    ParameterType.BOOLEAN: bool,
    ParameterType.LIST: list,
    ParameterType.STRUCT: dict,
}


def type_name(parameter_type: int) -> str:
    """Return the name of a parameter's type, e.g. `NUMBER_DOUBLE`."""
    name: str = ParameterType.ParameterTypeEnum.Name(parameter_type)
    return name


def value_of(message: Any) -> Any:
    """Return a protobuf `Value` as a Python value whose numbers are all doubles."""
    return as_doubles(json_format.MessageToDict(message))


def has_type(value: Any, parameter_type: int) -> bool:
    """Tell whether a value has the class of a parameter's type."""
    return isinstance(value, _CLASSES.get(parameter_type, ()))


def parse_parameter(name: str, text: str, spec: Any) -> Any:
    """Return the value of `--parameter NAME=TEXT`.

    Args:
        name: name of the parameter, for the message.
        text: a string as it is; JSON for every other type.
        spec: the declaration, a `ComponentInputsSpec.ParameterSpec`.

    Raises:
        RefusedError: the text is no value of the declared type.
    """
    expected = type_name(spec.parameter_type)
    refusal = RefusedError(f"parameter `{name}` should be a {expected}, but is {text!r}")
    if spec.parameter_type == ParameterType.STRING:
        value: Any = text
    else:
        try:
            value = as_doubles(json.loads(text))
        except ValueError:
            raise refusal from None
    if not has_type(value, spec.parameter_type):
        raise refusal
    if spec.parameter_type == ParameterType.NUMBER_INTEGER and not value.is_integer():
        raise refusal
    return value


def run_parameters(declared: Mapping[str, Any], given: Iterable[str]) -> dict[str, Any]:
    """Return the parameters of a run; one that is optional and has no value is None.

    Args:
        declared: `root.inputDefinitions.parameters` of the specification.
        given: texts of the form NAME=VALUE.

    Raises:
        RefusedError: a text has another form, names what is not declared, repeats a name or has another type, or a
            value is missing.
    """
    try:
        texts = split_assignments("--parameter", given, declared)
    except AssignmentError as error:
        raise RefusedError(str(error)) from None
    values = {name: parse_parameter(name, text, declared[name]) for name, text in texts.items()}
    for name, spec in declared.items():
        if name in values:
            check_literals(name, values[name], spec)
        elif spec.HasField("default_value"):
            values[name] = value_of(spec.default_value)
            if not has_type(values[name], spec.parameter_type):
                raise RefusedError(
                    f"the default of parameter `{name}` should be a {type_name(spec.parameter_type)}, "
                    f"but is {json_text(values[name])}"
                )
        elif spec.is_optional:
            values[name] = None
        else:
            raise RefusedError(
                f"parameter `{name}` is not optional and has no default: give `--parameter {name}=VALUE`"
            )
    return values


def check_literals(name: str, value: Any, spec: Any) -> None:
    """Refuse a value that is not among the ones that a declaration lists, if it lists any."""
    allowed = [value_of(literal) for literal in spec.literals]
    if allowed and value not in allowed:
        raise RefusedError(f"parameter `{name}` should be one of {json_text(allowed)}, but is {json_text(value)}")


def converted_parameter(name: str, value: Any, spec: Any) -> Any:
    """Return the value that a step's input receives, as the driver converts and checks it.

    Args:
        name: step and name of the parameter, for the message.
        value: the value of another step's output, of the run, or a constant.
        spec: the declaration of the input.

    Raises:
        RefusedError: the value has another type; only STRING takes a value of any type.
    """
    check_literals(name, value, spec)
    if value is None:
        raise RefusedError(f"parameter `{name}` is null")
    if spec.parameter_type == ParameterType.STRING:
        return value_text(value)
    if not has_type(value, spec.parameter_type):
        raise RefusedError(
            f"parameter `{name}` should be a {type_name(spec.parameter_type)}, but is {json_text(value)}"
        )
    return value
