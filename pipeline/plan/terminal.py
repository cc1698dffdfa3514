"""The plan as text and tables for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from interestflow.pipeline.plan.coefficients import Coefficients, Formula
from interestflow.pipeline.plan.limits import Limit, first_limit
from interestflow.pipeline.plan.plan import Plan

FORMULA_COLUMNS = {
    "seconds": "time, s", "cpu_seconds": "CPU time, s", "peak_mb": "peak memory, MB", "output_mb": "disk, MB",
    "read_mb": "read, MB", "written_mb": "written, MB",
}  # fmt: skip
TERMS = (
    "examples: millions of examples that the step reads (training: of all epochs). history: their behaviours in "
    "millions, times 2 and the attributes along the history; padded: with padding. attributes: examples times "
    "attributes with the target. items: millions of items. cached_mb: training examples in memory. table_mb: embedding "
    "tables with optimizer slots."
)


def render(plan: Plan, coefficients: Coefficients) -> RenderableType:
    """Return the plan with the limits last, where users look. Print it with `soft_wrap`, for long sentences."""
    parts: list[RenderableType] = [Padding(_log(plan), (0, 0, 1, 0)), Padding(_steps(plan), (0, 0, 1, 0))]
    parts += [Padding(_limit_table(plan), (0, 0, 1, 0))]
    parts += [Text.assemble(("assumed: ", "yellow"), sentence) for sentence in plan.assumptions]
    parts.append(Text(f"Fitted on {coefficients.machine} at {coefficients.commit}: {coefficients.command}"))
    for what, words in (("events", "As the log grows"), ("items", "As the catalogue grows")):
        parts.append(Text(f"{words}, the first limit is {_first(plan, what)}."))
    for limit in plan.limits:
        if limit.is_exceeded:
            parts.append(Text.assemble(("does not fit: ", "bold red"), _excess(limit)))
    if plan.fits:
        parts.append(Text.from_markup("[bold green]fits[/]: no limit is exceeded"))
    return Group(*parts)


def _first(plan: Plan, what: str) -> str:
    limit = first_limit(list(plan.limits), what)
    if limit is None:
        return "none of these"
    count = getattr(limit, what)
    return f"{limit.name}, at about {round_count(count)} {what}" if count else f"{limit.name}, with any {what} at all"


def _excess(limit: Limit) -> str:
    return f"{limit.name} should be at least {amount(limit.needed, limit.unit)}, it is " + amount(
        limit.available, limit.unit
    )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    return table


def _log(plan: Plan) -> Table:
    size, workload = plan.size, plan.model.workload
    table = _table("log", "", "")
    table.show_header = False
    table.add_row("events", f"{size.events:,.0f}")
    table.add_row("files", f"{size.files:,} of {amount(size.log_mb, 'MB')}")
    table.add_row("items, users", f"{size.items:,.0f}, {size.users:,.0f}")
    table.add_row("examples", f"{sum(workload.examples.values()):,.0f}")
    table.add_row("behaviours of an example", f"{size.history:,.1f} of at most {workload.max_length:,}")
    table.add_row(f"tables of {plan.model.model}", amount(workload.table_mb, "MB"))
    return table


def _steps(plan: Plan) -> Table:
    table = _table("steps", "", "time", "CPU time", "peak memory", "disk", "read", "written")
    for cost in plan.costs:
        table.add_row(
            cost.step, duration(cost.seconds), duration(cost.cpu_seconds),
            *(amount(value, "MB") for value in (cost.peak_mb, cost.output_mb, cost.read_mb, cost.written_mb)),
        )  # fmt: skip
    costs = plan.costs
    table.add_section()
    table.add_row(
        "whole run", duration(sum(cost.seconds for cost in costs)), duration(sum(cost.cpu_seconds for cost in costs)),
        amount(max(cost.peak_mb for cost in costs), "MB"), amount(sum(cost.output_mb for cost in costs), "MB"),
        amount(sum(cost.read_mb for cost in costs), "MB"), amount(sum(cost.written_mb for cost in costs), "MB"),
    )  # fmt: skip
    return table


def _limit_table(plan: Plan) -> Table:
    table = _table("limits", "", "needed", "available", "reached at events", "or at items")
    for limit in plan.limits:
        reached = (_reached(count) for count in (limit.events, limit.items))
        table.add_row(limit.name, amount(limit.needed, limit.unit), amount(limit.available, limit.unit), *reached)
    return table


def _reached(count: float | None) -> str:
    """Return the events or items at which a limit is reached as text."""
    if count is None:
        return "never"
    return round_count(count) if count else "any"


def formula_table(coefficients: Coefficients) -> Table:
    """Return the formulas of every step as a table."""
    table = _table("formulas", "", *FORMULA_COLUMNS.values())
    for column in table.columns[1:]:
        column.justify = "left"
    for step, formulas in coefficients.steps.items():
        table.add_row(step, *(formula_text(formulas[quantity]) for quantity in FORMULA_COLUMNS))
    table.caption = TERMS
    table.caption_justify = "left"
    return table


def formula_text(formula: Formula) -> str:
    """Return a formula as text, e.g. `12 + 3.4 examples + 0.21 history`."""
    terms = [f"{value:.3g}" if name == "start" else f"{value:.3g} {name}" for name, value in formula.items()]
    return " + ".join(terms) or "0"


def amount(value: float, unit: str) -> str:
    """Return a quantity as text; MB from ten thousand on as GB of 1,024 MB."""
    if unit == "MB" and value >= 10_000:
        return f"{value / 1024:,.0f} GB"
    return f"{value:,.0f} {unit}" if value >= 10 or unit != "MB" else f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """Return a duration as text, in seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def round_count(count: float) -> str:
    """Return a count to two digits, since it is an estimate."""
    return f"{float(f'{count:.2g}'):,.0f}"
