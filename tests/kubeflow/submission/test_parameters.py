"""Parameters have the declared types, and nothing that the backend would refuse or leave unfilled gets through."""

from __future__ import annotations

from typing import Any

import pytest

from interestflow.kubeflow.submission.errors import SubmissionError
from interestflow.kubeflow.submission.parameters import parse_parameters
from interestflow.kubeflow.submission.specification import DeclaredParameter

TYPES = {
    "span": "STRING",
    "rate": "NUMBER_DOUBLE",
    "days": "NUMBER_INTEGER",
    "fast": "BOOLEAN",
    "names": "LIST",
    "gate": "STRUCT",
    "log": "TASK_FINAL_STATUS",
}
DECLARED = {name: DeclaredParameter(kind, is_required=False) for name, kind in TYPES.items()}


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("span=2026-01-01", "2026-01-01"),
        ("span=", ""),
        ("span=a=b", "a=b"),
        ("span=7", "7"),
        ("rate=1e-3", 0.001),
        ("days=7", 7),
        ("fast=true", True),
        ("fast=false", False),
        ('names=["a"]', ["a"]),
        ('gate={"auc": 0.7}', {"auc": 0.7}),
    ],
)
def test_values_have_the_declared_type(pair: str, value: Any) -> None:
    (parsed,) = parse_parameters([pair], DECLARED, is_scheduled=False).values()
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["span"], "`--parameter` should be NAME=VALUE, received 'span'"),
        (
            ["spam=1"],
            "`--parameter` should name one of days, fast, gate, log, names, rate, span, received 'spam'",
        ),
        (["days=1", "days=2"], "`--parameter days` should be given once, received it twice"),
        (["rate=fast"], "`--parameter rate` should be a number, received 'fast'"),
        (["rate=nan"], "`--parameter rate` should be a number, received 'nan'"),
        (["rate=inf"], "`--parameter rate` should be a number, received 'inf'"),
        (["days=1.5"], "`--parameter days` should be an integer, received '1.5'"),
        (["fast=yes"], "`--parameter fast` should be true or false, received 'yes'"),
        (["names={}"], "`--parameter names` should be a list in JSON, received '{}'"),
        (["gate={"], "`--parameter gate` should be an object in JSON, received '{'"),
        (["log=x"], "`--parameter log` should have a type that can be given here, received TASK_FINAL_STATUS"),
        (
            ["span=[[ScheduledTime]]"],
            "`--parameter span` should be a value, received the placeholder [[ScheduledTime]], which only a recurring "
            "run fills in (`--schedule`)",
        ),
    ],
)
def test_refused(pairs: list[str], message: str) -> None:
    with pytest.raises(SubmissionError) as caught:
        parse_parameters(pairs, DECLARED, is_scheduled=False)
    assert str(caught.value) == message


def test_placeholders_of_recurring_runs() -> None:
    pairs = ["span=[[ScheduledTime.2006-01-02]]/[[Index]]"]
    assert parse_parameters(pairs, DECLARED, is_scheduled=True) == {"span": "[[ScheduledTime.2006-01-02]]/[[Index]]"}
    with pytest.raises(SubmissionError) as caught:
        parse_parameters(["span=[[ScheduleTime]]"], DECLARED, is_scheduled=True)
    assert str(caught.value) == (
        "`--parameter span` should use [[ScheduledTime]], [[CurrentTime]], [[Index]] or [[RunUUID]], received "
        "[[ScheduleTime]], which would stay as it is"
    )


def test_a_parameter_without_default_must_be_given() -> None:
    declared = {"span": DeclaredParameter("STRING", is_required=True)}
    assert parse_parameters(["span=1"], declared, is_scheduled=False) == {"span": "1"}
    with pytest.raises(SubmissionError) as caught:
        parse_parameters([], declared, is_scheduled=False)
    assert str(caught.value) == "`--parameter span=VALUE` should be given, since the pipeline has no default for it"
    with pytest.raises(SubmissionError, match="a parameter, of which there are none"):
        parse_parameters(["span=1"], {}, is_scheduled=False)
