"""Formulas of round numbers for the tests."""

from __future__ import annotations

from interestflow.pipeline.plan.coefficients import QUANTITIES, Coefficients, Formula
from interestflow.pipeline.plan.workload import STEPS


def round_formulas() -> Coefficients:
    """Return formulas: each step takes 1 s and 10 s a million examples; 500 MB, 100 a million and its tables twice."""
    seconds: Formula = {"start": 1.0, "examples": 10.0}
    formulas: dict[str, Formula] = dict.fromkeys(QUANTITIES, seconds)
    data: dict[str, Formula] = {**formulas, "peak_mb": {"start": 500.0, "examples": 100.0}}
    training: dict[str, Formula] = {**formulas, "peak_mb": {"start": 500.0, "examples": 100.0, "table_mb": 2.0}}
    steps = {}
    for step, terms in STEPS.items():
        if not step.startswith("Baseline"):
            is_of_model = step in ("Trainer", "Evaluator")
            steps[f"{step} din" if is_of_model else step] = training if "table_mb" in terms else data
    return Coefficients("command", "two cores", "abcdef", steps)
