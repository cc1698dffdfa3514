"""The package's coefficients are complete, and a file of another form is refused by one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from interestflow.pipeline.plan.coefficients import QUANTITIES, CoefficientsError, load_coefficients
from interestflow.pipeline.plan.workload import STEPS


def test_the_package_has_formulas_of_steps_with_terms_that_the_step_may_have() -> None:
    coefficients = load_coefficients()
    steps = {step for step in STEPS if not step.startswith("Baseline")}
    assert "LogExampleGen" in coefficients.steps
    for key, formulas in coefficients.steps.items():
        assert key.split(" ")[0] in steps
        assert formulas.keys() == set(QUANTITIES)
        for formula in formulas.values():
            assert formula.keys() <= set(STEPS[key.split(" ")[0]])
            assert all(value > 0.0 for value in formula.values())
    assert coefficients.command.startswith("python benchmarks/scale.py --fit")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(load_coefficients().to_json())
    assert load_coefficients(tmp_path / "own.json") == load_coefficients()


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ('{"steps": {"Transform": {}}}', "KeyError: 'seconds'"),
        ('{"steps": {}}', "KeyError: 'command'"),
    ],
)
def test_another_form_is_refused(text: str, received: str, tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(text)
    with pytest.raises(CoefficientsError, match=rf"^{path} should hold what .* writes, received {received}"):
        load_coefficients(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CoefficientsError, match=rf"^{tmp_path}/none.json cannot be read: No such file"):
        load_coefficients(tmp_path / "none.json")
