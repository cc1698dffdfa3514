"""Conditions read metadata, and a key that is not there is an error."""

from __future__ import annotations

from typing import Any

import pytest

from interestflow.kubeflow.backend.conditions import compile_condition, is_triggered
from interestflow.kubeflow.backend.errors import RefusedError

INPUTS: dict[str, Any] = {
    "artifacts": {
        "blessing": {"artifacts": [{"name": "1", "uri": "s3://b/x", "metadata": {"blessed": 1.0, "why": "a"}}]}
    },
    "parameterValues": {"push": "yes", "gate": '{"auc": 0.7}'},
}
BLESSED = "inputs.artifacts['blessing'].artifacts[0].metadata['blessed']"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", True),
        (f"{BLESSED} == 1.0", True),
        (f"{BLESSED} == 0.0", False),
        (f"{BLESSED} == 1.0 && inputs.parameter_values['push'] == 'no'", False),
        ("parseJson(inputs.parameter_values['gate'])['auc'] > 0.5", True),
        ("inputs.artifacts['blessing'].artifacts[0].uri.startsWith('s3://')", True),
        ("size(outputs.artifacts) == 0", True),
    ],
)
def test_an_expression_over_the_inputs(text: str, value: bool) -> None:
    assert is_triggered("Pusher", text, INPUTS) is value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{BLESSED.replace('blessed', 'approved')} == 1.0", "failed: no such key 'approved'"),
        ("inputs.artifacts['model'].artifacts[0].metadata['x'] == 1.0", "failed: it reads what is not there"),
        ("inputs.parameterValues['push'] == 'yes'", "failed: it reads what is not there"),
        ("champion == 1.0", r"failed: undeclared reference to 'champion'$"),
        (BLESSED, r"should be true or false, but is DoubleType\(1.0\)"),
        ("parseJson(inputs.parameter_values['push'])", "failed: failed to unmarshal JSON"),
    ],
)
def test_what_is_not_there_or_no_boolean_is_refused(text: str, message: str) -> None:
    with pytest.raises(RefusedError, match=f"task `Pusher`: `triggerPolicy.condition` .*{message}"):
        is_triggered("Pusher", text, INPUTS)


def test_a_text_that_is_no_expression_is_refused_before_the_run() -> None:
    with pytest.raises(
        RefusedError,
        match=r"task `Pusher`: `triggerPolicy.condition` 'blessed ==' is no expression \(line 1, column 9\)$",
    ):
        compile_condition("Pusher", "blessed ==")
