"""Metrics as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.markup import escape
from rich.table import Table

from interestflow.pipeline.evaluation.result import ModelEvaluation, SliceMetrics, TaskMetrics
from interestflow.pipeline.metrics.registry import METRICS

UNDEFINED = "–"
SHOWN_VALUES = 10
"""Values of a slice that are shown, those with the most examples; the others are counted."""
BEST_POSSIBLE = "best possible"
MANY_COLUMNS = 8
"""Number of metrics from which on headings may wrap."""


def metrics_table(models: Mapping[str, ModelEvaluation]) -> Table:
    """Return a table with a row for each model and task.

    Where the log has true click probabilities, an additional row has the best possible metrics, and a column has each
    model's share of the headroom between chance and the best possible.

    Args:
        models: evaluations by the name to show; all of one family, rankers or matchers.
    """
    tasks = list(next(iter(models.values())).tasks)
    headings = _headings(models)
    has_best = any(task.overall.best_possible() for model in models.values() for task in model.tasks.values())
    table = _table("test split", tasks)
    table.add_column("model")
    for heading in (*headings.values(), *(["share of headroom"] if has_best else [])):
        table.add_column(heading, justify="right", no_wrap=len(headings) < MANY_COLUMNS)
    for task in tasks:
        task_cell = [task] if len(tasks) > 1 else []
        for name, model in models.items():
            metrics = model.tasks[task].overall
            share = metrics.headroom_share
            share_cell = [UNDEFINED if share is None else f"{share:.1%}"] if has_best else []
            table.add_row(*task_cell, name, *_figures(metrics, headings), *share_cell)
        best = next(iter(models.values())).tasks[task].overall.best_possible()
        if best:
            cells = (format_metric(best.get(metric)) for metric in headings)
            table.add_row(*task_cell, BEST_POSSIBLE, *cells, "100.0%", style="dim")
        table.add_section()
    return table


def slices_table(model: ModelEvaluation, title: str, other_models: Mapping[str, ModelEvaluation]) -> Table | None:
    """Return a table with a row for each slice and task; None where the evaluation has no slices.

    Args:
        model: evaluation whose slices are shown.
        title: title of the table.
        other_models: evaluations by name; the main metric of each is a further column.
    """
    tasks = list(model.tasks)
    if not any(task.slices for task in model.tasks.values()):
        return None
    family = next(iter(model.tasks.values())).overall.FAMILY
    headings, main = family.slice_headings, family.main
    table = _table(title, tasks)
    table.add_column("slice")
    for column in ("examples", *headings.values(), *(f"{headings[main]} {name}" for name in other_models)):
        table.add_column(column, justify="right")
    for task in tasks:
        slices = model.tasks[task].slices
        other_metrics = [
            {(part.name, part.value): part.metrics.value(main) for part in other.tasks[task].slices}
            for other in other_models.values()
        ]
        for name in dict.fromkeys(part.name for part in slices):
            values = [part for part in slices if part.name == name]
            largest = _largest(values)
            for part in largest:
                table.add_row(
                    *([task] if len(tasks) > 1 else []),
                    escape(f"{name} {part.value}"),
                    f"{part.metrics.examples:,}",
                    *_figures(part.metrics, headings),
                    *(format_metric(by_part.get((part.name, part.value))) for by_part in other_metrics),
                )
            if len(largest) < len(values):
                count = len(values) - len(largest)
                table.add_row(*([task] if len(tasks) > 1 else []), f"{name}: {count:,} smaller ones, not shown")
    return table


def format_metric(value: float | None, digits: int = 4) -> str:
    """Return a metric with a fixed number of decimals, or a dash where it is undefined."""
    return UNDEFINED if value is None else f"{value:.{digits}f}"


def _headings(models: Mapping[str, ModelEvaluation]) -> Mapping[str, str]:
    return next(iter(next(iter(models.values())).tasks.values())).overall.FAMILY.headings


def _figures(metrics: TaskMetrics, headings: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(format_metric(metrics.value(metric), METRICS[metric].digits) for metric in headings)


def _largest(values: list[SliceMetrics]) -> list[SliceMetrics]:
    """Return the `SHOWN_VALUES` slices with the most examples, in their original order."""
    ranked = sorted(range(len(values)), key=lambda index: values[index].metrics.examples, reverse=True)
    return [values[index] for index in sorted(ranked[:SHOWN_VALUES])]


def _table(title: str, tasks: list[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    if len(tasks) > 1:
        table.add_column("task")
    return table
