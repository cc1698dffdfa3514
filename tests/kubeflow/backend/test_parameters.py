"""Parameters of a run have the declared types, and undeclared ones are refused."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.parameters import converted_parameter, run_parameters


def spec(kind: str, **fields: Any) -> Any:
    message = pipeline_spec_pb2.ComponentInputsSpec.ParameterSpec()
    return json_format.ParseDict({"parameterType": kind, **fields}, message)


DECLARED = {
    "span": spec("STRING", defaultValue="", isOptional=True),
    "learning_rate": spec("NUMBER_DOUBLE", defaultValue=0.05),
    "epochs": spec("NUMBER_INTEGER", defaultValue=3),
    "resume": spec("BOOLEAN", defaultValue=True),
    "gate": spec("STRUCT", isOptional=True),
    "splits": spec("LIST", defaultValue=["train"]),
}


def test_defaults_are_taken_and_numbers_are_doubles() -> None:
    values = run_parameters(DECLARED, ())
    assert values == {
        "span": "", "learning_rate": 0.05, "epochs": 3.0, "resume": True, "gate": None, "splits": ["train"],
    }  # fmt: skip
    assert type(values["epochs"]) is float


def test_given_values_are_parsed_by_their_types() -> None:
    given = ("span=a=1", "learning_rate=1", "epochs=2", "resume=false", 'gate={"auc": 1}', "splits=[]")
    values = run_parameters(DECLARED, given)
    assert values == {
        "span": "a=1", "learning_rate": 1.0, "epochs": 2.0, "resume": False, "gate": {"auc": 1.0}, "splits": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("rate", "`--parameter` should be NAME=VALUE, received 'rate'"),
        ("rate=1", "`--parameter` should name one of epochs, gate, learning_rate, .*, received 'rate'"),
        ("learning_rate=fast", "parameter `learning_rate` should be a NUMBER_DOUBLE, but is 'fast'"),
        ("learning_rate=true", "parameter `learning_rate` should be a NUMBER_DOUBLE, but is 'true'"),
        ("epochs=1.5", "parameter `epochs` should be a NUMBER_INTEGER, but is '1.5'"),
        ("resume=1", "parameter `resume` should be a BOOLEAN, but is '1'"),
        ("gate=[]", r"parameter `gate` should be a STRUCT, but is '\[\]'"),
    ],
)
def test_what_the_api_server_would_refuse_is_refused(given: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        run_parameters(DECLARED, (given,))


def test_a_parameter_given_twice_is_refused() -> None:
    with pytest.raises(RefusedError, match="`--parameter span` should be given once, received it twice"):
        run_parameters(DECLARED, ("span=1", "span=2"))


def test_a_declaration_without_a_value_and_a_default_of_another_type_are_refused() -> None:
    with pytest.raises(RefusedError, match="`span` is not optional and has no default: give `--parameter span=VALUE`"):
        run_parameters({"span": spec("STRING")}, ())
    with pytest.raises(RefusedError, match="the default of parameter `span` should be a STRING, but is 3"):
        run_parameters({"span": spec("STRING", defaultValue=3)}, ())


def test_a_value_outside_of_the_declared_literals_is_refused() -> None:
    declared = {"mode": spec("STRING", literals=["full", "quick"], defaultValue="full")}
    assert run_parameters(declared, ("mode=quick",)) == {"mode": "quick"}
    with pytest.raises(RefusedError, match=r'parameter `mode` should be one of \["full","quick"\], but is "slow"'):
        run_parameters(declared, ("mode=slow",))


@pytest.mark.parametrize(
    ("value", "text"), [("a", "a"), (3.0, "3"), (0.5, "0.5"), (True, "true"), ({"a": [1.0]}, '{"a":[1]}')]
)
def test_a_string_takes_a_value_of_any_type_as_its_text(value: Any, text: str) -> None:
    assert converted_parameter("Use.x", value, spec("STRING")) == text


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("1", "NUMBER_DOUBLE", 'parameter `Use.x` should be a NUMBER_DOUBLE, but is "1"'),
        (True, "NUMBER_INTEGER", "parameter `Use.x` should be a NUMBER_INTEGER, but is true"),
        (1.0, "BOOLEAN", "parameter `Use.x` should be a BOOLEAN, but is 1"),
        (None, "STRING", "parameter `Use.x` is null"),
    ],
)
def test_no_other_type_is_converted(value: Any, kind: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        converted_parameter("Use.x", value, spec(kind))
