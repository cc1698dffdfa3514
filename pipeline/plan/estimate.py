"""Estimated cost of each step of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from interestflow.pipeline.plan.coefficients import QUANTITIES, Coefficients, Formula
from interestflow.pipeline.plan.workload import STEPS, Workload

DEFAULT_MODEL = "din"
"""Model whose formulas stand for those of a model that was not measured."""


@dataclass(frozen=True)
class Subject:
    """What is trained in one role.

    Attributes:
        model: name of the model.
        workload: workload with the epochs and the tables of the model.
    """

    model: str
    workload: Workload

    def grown(self, events: float, items: float) -> Subject:
        """Return the same model on so many times the events, and so many times the items."""
        return Subject(self.model, self.workload.with_log_times(events).with_items_times(items))


@dataclass(frozen=True)
class StepCost:
    """Estimated cost of one step.

    Attributes:
        step: id of the step.
        seconds, cpu_seconds: wall and CPU time.
        peak_mb: peak resident memory of its largest process, in MB of 2^20 bytes.
        read_mb, written_mb: bytes of read and write calls, in MB.
        output_mb: bytes that stay on disk, in MB.
        is_measured: whether the formulas were fitted on this model; otherwise they are those of another.
    """

    step: str
    seconds: float
    cpu_seconds: float
    peak_mb: float
    read_mb: float
    written_mb: float
    output_mb: float
    is_measured: bool = True


def estimate_steps(
    coefficients: Coefficients, model: Subject, baseline: Subject | None, memory_mb: float | None = None
) -> list[StepCost]:
    """Return the cost of every step that has formulas, in the order in which they run.

    Args:
        coefficients: formulas of the steps.
        model: the model.
        baseline: the baseline; None where it is not trained.
        memory_mb: bound to which the steps before training cut their work, in MB; None for no bound.
    """
    costs = []
    for step in STEPS:
        subject = baseline if step.startswith("Baseline") else model
        if subject is None:
            continue
        found = find_formulas(coefficients, step, subject.model)
        if found is None:
            continue
        formulas, is_measured = found
        values = {quantity: evaluate(formulas[quantity], subject.workload.terms(step)) for quantity in QUANTITIES}
        cost = StepCost(step, **values, is_measured=is_measured)
        costs.append(cost if memory_mb is None or "table_mb" in STEPS[step] else _bounded(cost, memory_mb))
    return costs


def find_formulas(coefficients: Coefficients, step: str, model: str) -> tuple[Mapping[str, Formula], bool] | None:
    """Return the formulas of a step, and whether they were measured with this model; None where there are none."""
    if step in coefficients.steps:
        return coefficients.steps[step], True
    name = step.removeprefix("Baseline")
    if f"{name} {model}" in coefficients.steps:
        return coefficients.steps[f"{name} {model}"], True
    other = coefficients.steps.get(f"{name} {DEFAULT_MODEL}")
    return None if other is None else (other, False)


def evaluate(formula: Formula, terms: Mapping[str, float]) -> float:
    """Return the value of a formula."""
    return sum(coefficient * terms[name] for name, coefficient in formula.items())


def _bounded(cost: StepCost, memory_mb: float) -> StepCost:
    return replace(cost, peak_mb=min(cost.peak_mb, memory_mb))
