"""Coefficients are found again in measurements that were made from them."""

from __future__ import annotations

from typing import Any

import pytest

from interestflow.pipeline.plan.coefficients import QUANTITIES
from interestflow.pipeline.plan.fitting import compare_runs, fit, fit_runs, step_key, workload_of

NAMES = ("start", "examples", "items")


def rows(*values: tuple[float, float]) -> list[dict[str, float]]:
    return [{"start": 1.0, "examples": examples, "items": items} for examples, items in values]


def test_coefficients_are_found_again() -> None:
    terms = rows((0.2, 0.02), (2.0, 0.02), (2.0, 2.0), (10.0, 0.02))
    measured = [5.0 + 3.0 * row["examples"] + 7.0 * row["items"] for row in terms]
    assert fit(terms, measured, NAMES) == {"start": 5.0, "examples": 3.0, "items": 7.0}


def test_no_coefficient_is_negative() -> None:
    terms = rows((1.0, 1.0), (2.0, 1.0), (4.0, 1.0))
    assert fit(terms, [3.0, 2.0, 1.0], NAMES).keys() == {"start"}


def test_a_term_that_never_varies_is_left_to_the_start() -> None:
    terms = rows((1.0, 0.5), (2.0, 0.5))
    assert fit(terms, [12.0, 14.0], NAMES) == {"start": 10.0, "examples": 2.0}


def test_small_measurements_weigh_as_much_as_large_ones() -> None:
    # Of 1 and 100 for the same terms, the coefficient with the least squares of relative errors is near the small one.
    assert fit(rows((1.0, 0.0), (1.0, 0.0)), [1.0, 100.0], ("examples",))["examples"] == pytest.approx(1.01, abs=0.01)


def run(events: int, history: int = 50) -> dict[str, Any]:
    """Return a run whose times are 2 s and 4 s for each million examples of the transform."""
    transformed = 0.9 * events / 1e6
    record = dict.fromkeys(QUANTITIES, 1.0) | {"seconds": 2.0 + 4.0 * transformed}
    trainer = record | {"training": {"tables": [{"weight_bytes": 2**20, "slot_bytes": 2**21}]}}
    shape = {"items": 100, "history": history, "attributes": 2, "is_skewed": False, "model": "din", "baseline": "tin"}
    steps = {"InputFinder": record, "Transform": record, "Trainer": trainer, "BaselineTrainer": record}
    return {"events": events, **shape, "steps": steps}


def test_steps_of_runs_are_fitted_and_models_have_formulas_of_their_own() -> None:
    skewed = run(5_000_000) | {"is_skewed": True}
    skewed["steps"]["Transform"]["seconds"] = 1e9
    coefficients = fit_runs([run(200_000), run(2_000_000), skewed], "command", "machine", "commit")
    assert coefficients.steps.keys() == {"Transform", "Trainer din", "Trainer tin"}
    assert coefficients.steps["Transform"]["seconds"] == pytest.approx({"start": 2.0, "examples": 4.0})


def test_on_a_busy_machine_the_time_is_the_cpu_time() -> None:
    coefficients = fit_runs([run(200_000), run(2_000_000)], "command", "machine", "commit", is_busy=True)
    assert coefficients.steps["Transform"]["seconds"] == {"start": 1.0}


def test_a_step_that_was_measured_at_one_size_has_no_formula() -> None:
    assert fit_runs([run(200_000), run(200_000, history=20)], "command", "machine", "commit").steps == {}


def test_a_larger_run_is_compared_with_the_formulas() -> None:
    coefficients = fit_runs([run(200_000), run(2_000_000)], "command", "machine", "commit")
    slower = run(10_000_000)
    slower["steps"]["Transform"]["seconds"] = 40.0
    lines = compare_runs(coefficients, [slower, slower | {"is_skewed": True}])
    # The formula says 2 s and 4 s for each of nine million examples.
    assert (
        lines[0] == "10,000,000 events, Transform: s 40 by 38, s of CPU 1 by 1, MB of memory 1 by 1, MB of disk 1 by 1"
    )
    assert len(lines) == 3


def test_a_run_has_the_workload_of_its_log() -> None:
    workload = workload_of(run(2_000_000, history=20), "Trainer")
    assert workload.examples == {"train": 1_600_000, "validation": 200_000, "test": 200_000}
    assert workload.history == pytest.approx((sum(range(20)) + 180 * 20) / 200)
    assert (workload.table_mb, workload.history_attributes, workload.target_attributes) == (3.0, 1, 2)
    assert step_key(run(200), "BaselineEvaluator") == "Evaluator tin"
