"""Arguments of a compiled step's command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError

from interestflow.kubeflow.step.errors import StepInputError
from interestflow.kubeflow.step.executor_input import ExecutorInput, InputsSpec

EXECUTOR_CLASS = "--executor_class_path"
INVOCATION = "--json_serialized_invocation_args"
INPUTS_SPEC = "--json_serialized_inputs_spec_args"
OUTPUT_TYPES = "--output_types"
PIPELINE_ROOT = "--pipeline_root"
ENVIRONMENT_DIGEST = "--environment_digest"
CODE_DIGEST = "--code_digest"
CODE_PACKAGES = ("kubeflow", "models", "pipeline", "serving", "transforms")
"""Packages whose code the image must have in the version that compiled."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class StepArguments:
    """Parsed arguments of a step's command.

    Attributes:
        executor_class: import path of the executor's class.
        invocation: what the backend sent.
        inputs_spec: declaration of the inputs.
        output_types: schema title of each declared output artifact by its name.
        pipeline_root: URI below which the pipeline was compiled to write; None where another step checks it.
        code_digest: digest of the code that the pipeline was compiled with.
        beam_arguments: options of Beam pipelines.
    """

    executor_class: str
    invocation: ExecutorInput
    inputs_spec: InputsSpec
    output_types: dict[str, str]
    pipeline_root: str | None
    code_digest: str
    beam_arguments: list[str]


class _Parser(argparse.ArgumentParser):
    """Parser that raises an error instead of printing the usage."""

    def error(self, message: str) -> NoReturn:
        raise StepInputError(f"the step's command is wrong: {message}")


def parse_arguments(arguments: Sequence[str]) -> StepArguments:
    """Parse the arguments of a step's command; those that are not known are Beam's.

    Raises:
        StepInputError: if an argument is missing or is not what it should be.
    """
    parser = _Parser(prog="run_step", add_help=False, allow_abbrev=False)
    # The digest of the environment is not read: it is there so that it is part of the backend's cache key.
    for name in (EXECUTOR_CLASS, INVOCATION, OUTPUT_TYPES, ENVIRONMENT_DIGEST, CODE_DIGEST):
        parser.add_argument(name, required=True)
    parser.add_argument(PIPELINE_ROOT)
    parser.add_argument(INPUTS_SPEC, default="{}")
    options, beam_arguments = parser.parse_known_args(arguments)
    values = vars(options)
    return StepArguments(
        executor_class=options.executor_class_path,
        invocation=_parse_json(INVOCATION, ExecutorInput, values),
        inputs_spec=_parse_json(INPUTS_SPEC, InputsSpec, values),
        output_types=_parse_json(OUTPUT_TYPES, dict[str, str], values),
        pipeline_root=None if options.pipeline_root is None else options.pipeline_root.rstrip("/"),
        code_digest=options.code_digest,
        beam_arguments=beam_arguments,
    )


def _parse_json(flag: str, kind: type[Value], values: dict[str, str]) -> Value:
    """Return the value of an argument in JSON."""
    text = values[flag.removeprefix("--")]
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "".join(f" at `{'.'.join(str(key) for key in first['loc'])}`" if first["loc"] else "")
        received = f"{text[:80]!r}..." if len(text) > 80 else repr(text)
        raise StepInputError(f"`{flag}` should be valid JSON, received {received}{place}: {first['msg']}") from None
