"""Whether a model is good enough to be pushed, with a sentence for everything that it fell short of."""

from __future__ import annotations

from collections.abc import Iterator

from interestflow.pipeline.artifacts.json_artifact import JsonArtifact
from interestflow.pipeline.evaluation.result import Evaluation, SliceMetrics, TaskEvaluation, TaskMetrics
from interestflow.pipeline.gate_config import GateConfig
from interestflow.pipeline.metrics.registry import METRICS

ROUNDING = 1e-9
"""A metric that is worse by exactly the margin is allowed."""


class Verdict(JsonArtifact):
    """`reasons` against the model, none where it is blessed; `notes` on what was not held against it."""

    FILE = "gate.json"

    is_blessed: bool
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def judge(evaluation: Evaluation, gate: GateConfig) -> Verdict:
    """Holds every task against the absolute bounds, and against the champion.

    Absolute bounds are of all test examples. A metric may be worse than the champion's by `champion_margin`; where
    `slice_margin` is given, the same holds, with both margins together, for every slice that has at least
    `min_slice_examples` labelled examples. An undefined metric never passes a bound, nor stands where the
    champion's is defined; in a slice, where the champion's is undefined too, there is nothing to compare.
    """
    reasons: list[str] = []
    for task, evaluated in evaluation.model.tasks.items():
        reasons += _short_of_bounds(task, evaluated.overall, gate)
    notes = []
    if evaluation.champion is not None:
        for task, evaluated in evaluation.model.tasks.items():
            before = evaluation.champion.tasks[task]
            reasons += _worse(task, "", evaluated.overall, before.overall, gate, 0.0)
            if gate.slice_margin is not None:
                reasons += _worse_slices(task, evaluated, before, gate, gate.slice_margin)
    elif evaluation.champion_problem is not None:
        notes.append(f"not compared with the champion: {evaluation.champion_problem}")
    else:
        notes.append("there is no champion yet to compare with")
    return Verdict(is_blessed=not reasons, reasons=tuple(reasons), notes=tuple(notes))


def _short_of_bounds(task: str, metrics: TaskMetrics, gate: GateConfig) -> Iterator[str]:
    for word, bounds, sign in (("at least", gate.at_least, 1.0), ("at most", gate.at_most, -1.0)):
        for metric, bound in bounds.items():
            value = metrics.value(metric)
            if value is None:
                yield f"{metric} of task {task} is undefined, should be {word} {bound:g}"
            elif sign * value < sign * bound:
                yield f"{metric} of task {task} is {_shown(value, bound)}, should be {word} {bound:g}"


def _worse_slices(
    task: str, now: TaskEvaluation, before: TaskEvaluation, gate: GateConfig, wider: float
) -> Iterator[str]:
    earlier: dict[tuple[str, str], SliceMetrics] = {(part.name, part.value): part for part in before.slices}
    for part in now.slices:
        if part.metrics.examples < gate.min_slice_examples:
            continue
        # Both models have scored the same examples, and so have the same slices.
        where = f" (slice {part.name}={part.value}, {part.metrics.examples:,} examples)"
        yield from _worse(task, where, part.metrics, earlier[part.name, part.value].metrics, gate, wider)


def _worse(
    task: str, where: str, now: TaskMetrics, before: TaskMetrics, gate: GateConfig, wider: float
) -> Iterator[str]:
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


def _shown(value: float, bound: float) -> str:
    """With four digits, or as many more as tell it from the bound."""
    return next(text for digits in range(4, 18) if float(text := f"{value:.{digits}f}") != bound or digits == 17)
