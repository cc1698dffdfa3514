"""Turns `NAME=VALUE` into the parameters of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from interestflow.assignments import AssignmentError, split_assignments
from interestflow.kubeflow.submission.errors import SubmissionError
from interestflow.kubeflow.submission.specification import DeclaredParameter

OPTION = "--parameter"
PLACEHOLDER = re.compile(r"\[\[(.*?)\]\]")
KNOWN_PLACEHOLDER = re.compile(r"(ScheduledTime|CurrentTime)(\..+)?|Index|RunUUID")
"""What the controller of recurring runs fills in; it leaves everything else as it stands, without a word."""


def parse_parameters(
    pairs: Iterable[str], declared: Mapping[str, DeclaredParameter], *, is_scheduled: bool
) -> dict[str, Any]:
    """Return the values of a run's parameters with the types that the pipeline declares.

    Args:
        pairs: texts such as `learning_rate=0.001`.
        declared: the pipeline's parameters; the backend refuses any other.
        is_scheduled: whether the run recurs, so that placeholders such as `[[ScheduledTime]]` are filled in.

    Raises:
        SubmissionError: for a parameter that is not declared, given twice or missing, and a value of another type.
    """
    try:
        texts = split_assignments(OPTION, pairs, declared)
    except AssignmentError as error:
        raise SubmissionError(str(error)) from None
    values = {}
    for name, text in texts.items():
        _check_placeholders(name, text, is_scheduled)
        values[name] = _value(name, text, declared[name].type)
    missing = sorted(name for name, parameter in declared.items() if parameter.is_required and name not in values)
    if missing:
        raise SubmissionError(
            f"`{OPTION} {missing[0]}=VALUE` should be given, since the pipeline has no default for it"
        )
    return values


def _check_placeholders(name: str, text: str, is_scheduled: bool) -> None:
    for placeholder in PLACEHOLDER.findall(text):
        if not is_scheduled:
            raise SubmissionError(
                f"`{OPTION} {name}` should be a value, received the placeholder [[{placeholder}]], which only a "
                "recurring run fills in (`--schedule`)"
            )
        if not KNOWN_PLACEHOLDER.fullmatch(placeholder):
            raise SubmissionError(
                f"`{OPTION} {name}` should use [[ScheduledTime]], [[CurrentTime]], [[Index]] or [[RunUUID]], received "
                f"[[{placeholder}]], which would stay as it is"
            )


def _value(name: str, text: str, kind: str) -> Any:
    if kind not in PARSERS:
        raise SubmissionError(f"`{OPTION} {name}` should have a type that can be given here, received {kind}")
    expectation, parse = PARSERS[kind]
    try:
        return parse(text)
    except (ValueError, KeyError):
        raise SubmissionError(f"`{OPTION} {name}` should be {expectation}, received {text!r}") from None


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0.0:  # infinite or not a number, which JSON does not have
        raise ValueError(text)
    return value


def _json_of(kind: type) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = json.loads(text)
        if not isinstance(value, kind):
            raise ValueError(text)
        return value

    return parse


PARSERS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "STRING": ("a text", str),
    "NUMBER_DOUBLE": ("a number", _finite),
    "NUMBER_INTEGER": ("an integer", int),
    "BOOLEAN": ("true or false", {"true": True, "false": False}.__getitem__),
    "LIST": ("a list in JSON", _json_of(list)),
    "STRUCT": ("an object in JSON", _json_of(dict)),
}
"""What a value should be, and its parser, by the backend's type."""
