"""Gate on a model's quality, with a sentence for each bound that the model misses."""

from __future__ import annotations

from collections.abc import Iterator

from interestflow.pipeline.artifacts.json_artifact import JsonArtifact
from interestflow.pipeline.evaluation.result import Evaluation, SliceMetrics, TaskEvaluation, TaskMetrics
from interestflow.pipeline.gate_config import GateConfig
from interestflow.pipeline.metrics.registry import METRICS

ROUNDING = 1e-9
"""Tolerance that allows a metric to be worse by exactly the margin."""


class Verdict(JsonArtifact):
    """Verdict of the quality gate.

    Attributes:
        is_blessed: Whether the model may be pushed.
        reasons: Reasons against the model; empty where it is blessed.
        notes: What the gate could not compare.
    """

    FILE = "gate.json"

    is_blessed: bool
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def judge(evaluation: Evaluation, gate: GateConfig) -> Verdict:
    """Compare every task with the absolute bounds and with the champion.

    Absolute bounds hold for all test examples. A metric may be worse than the champion's by `champion_margin`; where
    `slice_margin` is given, the same holds, with both margins together, for every slice that has at least
    `min_slice_examples` labelled examples. An undefined metric never passes a bound, nor the comparison with a
    defined metric of the champion; in a slice where the champion's is undefined too, there is nothing to compare.
    """
    reasons: list[str] = []
    for task, evaluated in evaluation.model.tasks.items():
        reasons += _missed_bounds(task, evaluated.overall, gate)
    notes = []
    if evaluation.champion is not None:
        for task, evaluated in evaluation.model.tasks.items():
            before = evaluation.champion.tasks[task]
            reasons += _regressions(task, "", evaluated.overall, before.overall, gate, 0.0)
            if gate.slice_margin is not None:
                reasons += _regressions_by_slice(task, evaluated, before, gate, gate.slice_margin)
    elif evaluation.champion_problem is not None:
        notes.append(f"not compared with the champion: {evaluation.champion_problem}")
    else:
        notes.append("there is no champion yet to compare with")
    return Verdict(is_blessed=not reasons, reasons=tuple(reasons), notes=tuple(notes))


def _missed_bounds(task: str, metrics: TaskMetrics, gate: GateConfig) -> Iterator[str]:
    """Yield a sentence for each absolute bound that a task misses."""
    for word, bounds, sign in (("at least", gate.at_least, 1.0), ("at most", gate.at_most, -1.0)):
        for metric, bound in bounds.items():
            value = metrics.value(metric)
            if value is None:
                yield f"{metric} of task {task} is undefined, should be {word} {bound:g}"
            elif sign * value < sign * bound:
                yield f"{metric} of task {task} is {_distinct(value, bound)}, should be {word} {bound:g}"


def _regressions_by_slice(
    task: str, now: TaskEvaluation, before: TaskEvaluation, gate: GateConfig, wider: float
) -> Iterator[str]:
    """Yield a sentence for each slice in which a task is worse than the champion's by more than the margins."""
    earlier: dict[tuple[str, str], SliceMetrics] = {(part.name, part.value): part for part in before.slices}
    for part in now.slices:
        if part.metrics.examples < gate.min_slice_examples:
            continue
        # Both models scored the same examples and therefore have the same slices.
        where = f" (slice {part.name}={part.value}, {part.metrics.examples:,} examples)"
        yield from _regressions(task, where, part.metrics, earlier[part.name, part.value].metrics, gate, wider)


def _regressions(
    task: str, where: str, now: TaskMetrics, before: TaskMetrics, gate: GateConfig, wider: float
) -> Iterator[str]:
    """Yield a sentence for each metric that is worse than the champion's by more than its margin plus `wider`."""
    for metric, margin in gate.margins(now.FAMILY.champion_margins).items():
        allowed = margin + wider
        value, champion = now.value(metric), before.value(metric)
        if champion is None:
            if value is None and not where:
                yield f"{metric} of task {task} is undefined, as the champion's is"
            continue
        if value is None:
            yield f"{metric} of task {task} is undefined{where}, the champion's is {champion:.4f}"
            continue
        falls = METRICS[metric].direction == "higher"
        worse_by = champion - value if falls else value - champion
        if worse_by > allowed + ROUNDING:
            verb = "fell" if falls else "rose"
            digits = 4 if f"{champion:.4f}" != f"{value:.4f}" else 6
            yield (
                f"{metric} of task {task} {verb} from {champion:.{digits}f} to {value:.{digits}f}{where}, "
                f"more than the margin {allowed:g}"
            )


def _distinct(value: float, bound: float) -> str:
    """Return `value` with four digits, or with as many as distinguish it from `bound`."""
    return next(text for digits in range(4, 18) if float(text := f"{value:.{digits}f}") != bound or digits == 17)
