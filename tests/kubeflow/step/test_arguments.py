"""The command of a compiled step is parsed; a mistake in it is one sentence."""

from __future__ import annotations

import pytest

from interestflow.kubeflow.step.arguments import parse_arguments
from interestflow.kubeflow.step.errors import StepInputError
from tests.kubeflow.step.commands import BEAM, ROOT, recorded_arguments


def test_all_arguments_are_parsed_and_the_rest_is_for_beam() -> None:
    parsed = parse_arguments([*recorded_arguments("DataGate"), "--output", "x", "--code=1"])
    assert parsed.executor_class == "tests.kubeflow.step.recording_executors.RecordingExecutor"
    assert parsed.invocation.inputs.parameter_values == {"stop_at": "error"}
    assert parsed.inputs_spec.parameters["stop_at"].parameter_type == "STRING"
    assert parsed.inputs_spec.artifacts["anomalies"].artifact_type.title == "tfx.ExampleAnomalies"
    assert parsed.output_types == {}
    assert parsed.pipeline_root == ROOT
    assert parsed.beam_arguments == [*BEAM, "--output", "x", "--code=1"]  # abbreviations are not ours


def test_a_step_without_inputs_needs_no_declaration() -> None:
    arguments = recorded_arguments("ChampionFinder")
    place = arguments.index("--json_serialized_inputs_spec_args")
    parsed = parse_arguments(arguments[:place] + arguments[place + 2 :])
    assert (parsed.inputs_spec.artifacts, parsed.inputs_spec.parameters) == ({}, {})


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        (
            "--output_types", '{"model": 1}',
            "`--output_types` should be valid JSON, received '{\"model\": 1}' at `model`: "
            "Input should be a valid string",
        ),
        (
            "--json_serialized_inputs_spec_args", "[]",
            "`--json_serialized_inputs_spec_args` should be valid JSON, received '[]': "
            "Input should be an object",
        ),
        (
            "--json_serialized_invocation_args", '{"outputs": {}}',
            "`--json_serialized_invocation_args` should be valid JSON, received '{\"outputs\": {}}' at "
            "`outputs.outputFile`: Field required",
        ),
        (
            "--json_serialized_invocation_args", "{{$}}",
            "`--json_serialized_invocation_args` should be valid JSON, received '{{$}}': "
            "Invalid JSON: key must be a string at line 1 column 2",
        ),
    ],
)  # fmt: skip
def test_bad_json_is_named(flag: str, value: str, message: str) -> None:
    arguments = recorded_arguments("ChampionFinder")
    arguments[arguments.index(flag) + 1] = value
    with pytest.raises(StepInputError) as error:
        parse_arguments(arguments)
    assert str(error.value) == message


def test_a_step_after_others_has_no_root_to_check() -> None:
    arguments = recorded_arguments("ChampionFinder")
    place = arguments.index("--pipeline_root")
    assert parse_arguments(arguments[:place] + arguments[place + 2 :]).pipeline_root is None


def test_long_json_is_cut_in_the_message() -> None:
    arguments = recorded_arguments("ChampionFinder")
    arguments[arguments.index("--output_types") + 1] = "x" * 1000
    with pytest.raises(StepInputError) as error:
        parse_arguments(arguments)
    assert f"received '{'x' * 80}'...: Invalid JSON" in str(error.value)


@pytest.mark.parametrize("flag", ["--executor_class_path", "--code_digest", "--environment_digest", "--output_types"])
def test_a_missing_argument_is_named(flag: str) -> None:
    arguments = recorded_arguments("ChampionFinder")
    place = arguments.index(flag)
    with pytest.raises(StepInputError) as error:
        parse_arguments(arguments[:place] + arguments[place + 2 :])
    assert str(error.value) == f"the step's command is wrong: the following arguments are required: {flag}"
