"""Costs of steps from round formulas, by hand."""

from __future__ import annotations

from dataclasses import replace

from interestflow.pipeline.plan.estimate import Subject, estimate_steps, evaluate
from tests.pipeline.plan.formulas import round_formulas
from tests.pipeline.plan.test_workload import WORKLOAD

DIN = Subject("din", WORKLOAD)


def test_costs_of_each_step_in_order() -> None:
    costs = estimate_steps(round_formulas(), DIN, None)
    assert {cost.step: cost.seconds for cost in costs} == {
        "LogExampleGen": 101.0, "LeakCheck": 101.0, "StatisticsGen": 101.0, "Transform": 91.0, "Trainer": 321.0,
        "Evaluator": 11.0, "ServingValidator": 101.0,
    }  # fmt: skip
    assert [cost.step for cost in costs][:2] == ["LogExampleGen", "LeakCheck"]


def test_a_baseline_has_steps_of_its_own_and_an_unmeasured_model_costs_what_din_does() -> None:
    baseline = Subject("tin", replace(WORKLOAD, epochs=1))
    costs = {cost.step: cost for cost in estimate_steps(round_formulas(), DIN, baseline)}
    assert (costs["Trainer"].seconds, costs["Trainer"].is_measured) == (321.0, True)
    assert (costs["BaselineTrainer"].seconds, costs["BaselineTrainer"].is_measured) == (81.0, False)


def test_steps_before_training_keep_to_the_bound_of_memory() -> None:
    costs = {cost.step: cost.peak_mb for cost in estimate_steps(round_formulas(), DIN, None, memory_mb=1000.0)}
    assert (costs["LogExampleGen"], costs["Transform"]) == (1000.0, 1000.0)
    # 500, 100 for each of the 32 million examples of four epochs, and twice 100 of the tables.
    assert costs["Trainer"] == 3900.0


def test_a_formula_is_a_sum() -> None:
    assert evaluate({"start": 2.0, "items": 3.0}, {"start": 1.0, "items": 4.0, "examples": 9.0}) == 14.0
