"""The result of a validation as text and tables for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from interestflow.pipeline.validate.log_facts import EventFacts, TableFacts
from interestflow.pipeline.validate.report import ValidationReport
from interestflow.transforms.config import AttributeConfig, IdentityConfig
from interestflow.transforms.reading.timestamps import show_time
from interestflow.transforms.splits import SPLITS

SHOWN_REASONS = 5
ORDER = ("events", "items", "users", "graph", "links")


def render(report: ValidationReport) -> RenderableType:
    """Return the report with the problems last, where users look. Print it with `soft_wrap`, for long sentences."""
    parts: list[RenderableType] = []
    if report.tables:
        parts.append(_inputs(report.tables))
    if report.part is not None:
        parts.append(Text(f"The log is large: what follows is of {report.part}; histories may be longer than shown."))
    if report.events is not None:
        parts += [_log(report.events), _examples(report.events)]
    if report.attributes:
        parts.append(_model_inputs(report))
    parts += [_sentence("note", "yellow", note) for note in report.notes]
    parts += [_sentence("problem", "bold red", problem) for problem in report.problems]
    if report.is_usable:
        parts.append(Text.from_markup("[bold green]usable[/]: `interestflow run` would begin with this"))
    return Group(*(Padding(part, (0, 0, 1, 0)) if isinstance(part, Table) else part for part in parts))


def _sentence(word: str, style: str, text: str) -> Text:
    return Text.assemble((f"{word}:", style), f" {text}")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    return table


def _inputs(tables: list[TableFacts]) -> Table:
    table = _table("inputs", "", "files", "rows", "usable", "unusable")
    table.add_column("why", overflow="fold")
    for facts in sorted(tables, key=lambda facts: ORDER.index(facts.name)):
        why = [f"{count:,} x {reason}" for count, reason in list(facts.reasons.values())[:SHOWN_REASONS]]
        share = f"{facts.unusable:,} ({facts.unusable / facts.rows:.2%})" if facts.unusable else "0"
        usable = f"{facts.rows - facts.unusable:,}"
        table.add_row(facts.name, f"{facts.files:,}", f"{facts.rows:,}", usable, share, escape("\n".join(why)))
    return table


def _log(facts: EventFacts) -> Table:
    table = _table("log", "", "")
    table.show_header = False
    table.columns[1].justify = "left"
    table.add_row("from, to", f"{show_time(facts.first)}, {show_time(facts.last)} (UTC)")
    boundaries = show_time(facts.boundaries.validation), show_time(facts.boundaries.test)
    table.add_row("validation, test from", ", ".join(boundaries))
    table.add_row("users, items", f"{facts.users:,}, {facts.items:,}")
    lengths = ", ".join(f"{length:,} ({percent}%)" for percent, length in facts.history_percentiles.items())
    table.add_row("history length up to", f"{lengths}; {facts.cut_histories:.1%} of them are cut")
    for name, share in facts.without_attributes.items():
        table.add_row(f"events without {name}", f"{share:.2%}")
    return table


def _examples(facts: EventFacts) -> Table:
    tasks = list(facts.positives[SPLITS[0]])
    is_sampled = any(facts.sampled_negatives.values())
    sampled_columns = ["sampled negatives"] if is_sampled else []
    table = _table("examples", "", "examples", *(f"{task} positive" for task in tasks), *sampled_columns)
    for split in SPLITS:
        examples = facts.examples[split]
        positives = [f"{facts.positives[split][task] / max(examples, 1):.2%}" for task in tasks]
        negatives = [f"{facts.sampled_negatives[split]:,}"] if is_sampled else []
        table.add_row(split, f"{examples:,}", *positives, *negatives)
    if facts.behaviours_only:
        table.add_row("history only", f"{facts.behaviours_only:,}")
    return table


def _model_inputs(report: ValidationReport) -> Table:
    features = report.config.features
    table = _table("what the model would be given", "")
    for name in ("from", "where", "as", "different", "missing", "such as"):
        table.add_column(name, justify="right" if name in ("different", "missing") else "left", overflow="fold")
    items, users = ("?", "?") if report.events is None else (f"{report.events.items:,}", f"{report.events.users:,}")
    table.add_row("item", "events", "target, history", _encoding(features.item), items, "", "")
    if features.user.in_model:
        table.add_row("user", "events", "target", _encoding(features.user), users, "", "")
    table.add_row("age", "events", "history", "log2 buckets of the time since", "", "", "")
    for facts in report.attributes:
        attribute = facts.attribute
        shown = escape(", ".join(facts.shown))
        table.add_row(
            attribute.name, attribute.source, ", ".join(attribute.use), _attribute_encoding(attribute),
            f"{facts.distinct:,}", f"{facts.missing:.1%}", shown,
        )  # fmt: skip
    return table


def _encoding(identity: IdentityConfig) -> str:
    if identity.hash_buckets is not None:
        return f"{identity.hash_buckets:,} hash buckets"
    limits = [f"seen {identity.min_count} times or more"] if identity.min_count > 1 else []
    limits += [f"the {identity.vocabulary_size:,} most frequent"] if identity.vocabulary_size else []
    return ", ".join(["vocabulary", *limits])


def _attribute_encoding(attribute: AttributeConfig) -> str:
    if attribute.kind == "numeric":
        if attribute.boundaries is not None:
            return f"{len(attribute.boundaries) + 1} buckets"
        return f"{attribute.quantiles} quantiles" if attribute.quantiles is not None else "number"
    encoding = _encoding(attribute)
    return f"up to {attribute.max_values} of a {encoding}" if attribute.kind == "categorical_list" else encoding
