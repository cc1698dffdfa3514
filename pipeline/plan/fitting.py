"""Fit the coefficients of the formulas to measured runs: least squares of relative errors, no coefficient negative."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from interestflow.pipeline.plan.coefficients import QUANTITIES, Coefficients
from interestflow.pipeline.plan.estimate import evaluate
from interestflow.pipeline.plan.workload import STEPS, Workload, mean_history

SPLIT_SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
USER_EVENTS = 200
"""Events of a user in the logs of `benchmarks/scale.py`."""
DIGITS = 4
Run = Mapping[str, Any]

COMPARED = {"seconds": "s", "cpu_seconds": "s of CPU", "peak_mb": "MB of memory", "output_mb": "MB of disk"}


class Point(NamedTuple):
    """One step of one run.

    Attributes:
        key: key of the step's formulas.
        events: events of the log.
        names: terms that the formulas may have.
        terms: their values.
        record: what was measured.
    """

    key: str
    events: int
    names: Sequence[str]
    terms: Mapping[str, float]
    record: Mapping[str, Any]


def fit(terms: Sequence[Mapping[str, float]], measured: Sequence[float], names: Sequence[str]) -> dict[str, float]:
    """Return the coefficients, none negative, with the least sum of squared relative errors; those of 0 are left out.

    Args:
        terms: value of each term, by name, of each measurement.
        measured: the measurements, positive.
        names: terms that the formula may have. A term that never varies is only told from the start by its name, so
            that of such terms the first is kept.
    """
    matrix = np.array([[row[name] for name in names] for row in terms])
    target = np.maximum(np.asarray(measured, float), 1e-6)
    usable = _independent_columns(matrix)
    weighted = matrix / target[:, None]
    best: tuple[float, tuple[int, ...], np.ndarray] = (float(len(target)), (), np.zeros(0))
    for size in range(1, len(usable) + 1):
        for chosen in itertools.combinations(usable, size):
            solution, *_ = np.linalg.lstsq(weighted[:, chosen], np.ones(len(target)), rcond=None)
            error = float(((weighted[:, chosen] @ solution - 1.0) ** 2).sum())
            # A further term has to be worth it.
            if (solution >= 0.0).all() and error < best[0] * 0.98 - 1e-12:
                best = (error, chosen, solution)
    return {names[index]: _round(value) for index, value in zip(best[1], best[2], strict=True) if value > 0.0}


def _independent_columns(matrix: np.ndarray) -> list[int]:
    """Return the columns that no earlier ones explain, in order."""
    columns: list[int] = []
    for index in range(matrix.shape[1]):
        scale = np.abs(matrix[:, [*columns, index]]).max(axis=0)
        if scale[-1] > 0.0 and np.linalg.matrix_rank(matrix[:, [*columns, index]] / scale, tol=1e-6) > len(columns):
            columns.append(index)
    return columns


def _round(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def workload_of(run: Run, step: str) -> Workload:
    """Return the workload of a step of a run of `benchmarks/scale.py`."""
    events = float(run["events"])
    tables = run["steps"].get(_trainer_of(step), {}).get("training", {}).get("tables") or []
    return Workload(
        events=events,
        examples={split: share * events for split, share in SPLIT_SHARES.items()},
        items=run["items"],
        users=events / USER_EVENTS,
        history=mean_history(USER_EVENTS, run["history"]),
        max_length=run["history"],
        history_attributes=min(run["attributes"], 1),
        target_attributes=run["attributes"],
        table_mb=sum(table["weight_bytes"] + table["slot_bytes"] for table in tables) / 2**20,
    )


def _trainer_of(step: str) -> str:
    return "BaselineTrainer" if step.startswith("Baseline") else "Trainer"


def step_key(run: Run, step: str) -> str:
    """Return the key of a step's formulas; training and evaluation have some for each model."""
    if step.endswith(("Trainer", "Evaluator")):
        return f"{step.removeprefix('Baseline')} {run['baseline' if step.startswith('Baseline') else 'model']}"
    return step


def fit_runs(runs: Sequence[Run], command: str, machine: str, commit: str, is_busy: bool = False) -> Coefficients:
    """Fit every quantity of every step that was measured at two sizes at least.

    Args:
        runs: records of `benchmarks/scale.py --output`; skewed ones are left out.
        command: command that the coefficients are made by.
        machine: machine that was measured, in words.
        commit: commit that was measured.
        is_busy: whether other programs ran beside, so that wall times say nothing: the CPU time of a step, which is its
            time on one core, is then taken instead.
    """
    points: dict[str, list[Point]] = {}
    for point in _points(runs):
        points.setdefault(point.key, []).append(point)
    sources = {quantity: quantity for quantity in QUANTITIES} | ({"seconds": "cpu_seconds"} if is_busy else {})
    steps = {
        key: {
            quantity: fit([point.terms for point in group], [point.record[source] for point in group], group[0].names)
            for quantity, source in sources.items()
        }
        for key, group in points.items()
        if len({point.events for point in group}) > 1
    }
    return Coefficients(command, machine, commit, steps)


def compare_runs(coefficients: Coefficients, runs: Sequence[Run]) -> list[str]:
    """Return a line for each step of each run with what was measured beside what its formulas say.

    Args:
        coefficients: the formulas; steps without any are left out.
        runs: records of `benchmarks/scale.py --output`; skewed ones are left out.
    """
    lines = []
    for point in _points(runs):
        if point.key not in coefficients.steps:
            continue
        formulas = coefficients.steps[point.key]
        shown = ", ".join(
            f"{name} {point.record[quantity]:,.0f} by {evaluate(formulas[quantity], point.terms):,.0f}"
            for quantity, name in COMPARED.items()
        )
        lines.append(f"{point.events:,} events, {point.key}: {shown}")
    return lines


def _points(runs: Sequence[Run]) -> Iterator[Point]:
    """Yield the measurements of all steps that have formulas, without those of skewed logs."""
    for run in runs:
        for step, record in run["steps"].items():
            if step in STEPS and not run["is_skewed"]:
                terms = workload_of(run, step).terms(step)
                yield Point(step_key(run, step), int(run["events"]), STEPS[step], terms, record)
