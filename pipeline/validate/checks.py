"""Checks a configuration against the real files: what the pipeline would see, without running it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
import polars as pl

from interestflow.models import registry
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.generated_logs import ensure_logs, has_generated_logs
from interestflow.pipeline.validate.log_facts import (
    AttributeFacts,
    EventFacts,
    TableFacts,
    attribute_facts,
    event_facts,
)
from interestflow.pipeline.validate.log_sample import LogSample, read_sample
from interestflow.transforms.config import ENTITY_TABLES, EntityTable, IngestionConfig, TableConfig
from interestflow.transforms.examples.event_order import sort_events
from interestflow.transforms.feature_names import TIMESTAMP
from interestflow.transforms.ingestion.dead_letters import bad_rows_message
from interestflow.transforms.reading.blocks import read_blocks
from interestflow.transforms.reading.entities import read_attributes
from interestflow.transforms.reading.files import TableError, list_files
from interestflow.transforms.reading.timestamps import show_time
from interestflow.transforms.splits import SPLITS, find_boundaries

GENERATED_EVENTS = 500_000
"""Of a log that is yet to be generated; a larger one is judged by one of this size."""
Result = TypeVar("Result")


@dataclass
class ValidationReport:
    """What was found. `problems` are those that a run would end with; `notes` are worth a look.

    part: what was read of the log, where it was not all.
    """

    config: PipelineConfig
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    part: str | None = None
    tables: list[TableFacts] = field(default_factory=list)
    events: EventFacts | None = None
    attributes: list[AttributeFacts] = field(default_factory=list)

    @property
    def is_usable(self) -> bool:
        return not self.problems


def validate(config: PipelineConfig) -> ValidationReport:
    """Reads the files that `config` names; nothing is written where they are."""
    report = ValidationReport(config)
    with _log_there(report) as there:
        ingestion = there.ingestion()
        sample = _tried(report, lambda: read_sample(ingestion))
        items, users = (_tried(report, partial(_read_table, report, ingestion, name)) for name in ENTITY_TABLES)
        _check_knowledge_graph(report, ingestion)
        if sample is not None:
            _judge_log(report, ingestion, sample, items, users)
        for name, frame in zip(ENTITY_TABLES, (items, users), strict=True):
            report.attributes += attribute_facts(frame, ingestion, name)
    _judge_attributes(report)
    _judge_history_negatives(report)
    _judge_matcher(report)
    return report


@contextmanager
def _log_there(report: ValidationReport) -> Iterator[PipelineConfig]:
    """The configuration; where its log is yet to be generated, one is made elsewhere and removed again."""
    config = report.config
    if config.generate is None or has_generated_logs(config):
        yield config
        return
    events = min(config.generate.events, GENERATED_EVENTS)
    size = "it is" if events == config.generate.events else f"one of {events:,} events is"
    report.notes.append(
        f"the log is not in {config.data.folder} yet; {size} made as `interestflow run` would, to look at"
    )
    with tempfile.TemporaryDirectory() as folder:
        generated = config.model_copy(
            update={
                "generate": config.generate.model_copy(update={"events": events}),
                "data": config.data.model_copy(update={"folder": folder}),
            }
        )
        ensure_logs(generated)
        yield generated


def _tried(report: ValidationReport, read: Callable[[], Result]) -> Result | None:
    """One input that cannot be read is no reason not to look at the others."""
    try:
        return read()
    except TableError as error:
        report.problems.append(str(error))
        return None


def _read_table(report: ValidationReport, config: IngestionConfig, name: EntityTable) -> pl.DataFrame | None:
    read = read_attributes(config, name)
    if read is None:
        return None
    files = len(list_files(getattr(config.data, name), config.data.folder))
    _add_table(report, TableFacts(name, files, read.rows, read.dead_letters.height, _reasons(read.dead_letters)))
    return read.frame


def _check_knowledge_graph(report: ValidationReport, config: IngestionConfig) -> None:
    graph = config.data.knowledge_graph
    if graph is None:
        return
    tables: list[tuple[str, TableConfig, list[str]]] = [("graph", graph, [graph.head, graph.relation, graph.tail])]
    if graph.links is not None:
        tables.append(("links", graph.links, [graph.links.item, graph.links.entity]))
    for name, table, columns in tables:
        facts = _tried(report, partial(_count_rows, config, name, table, columns))
        if facts is not None:
            _add_table(report, facts)


def _count_rows(config: IngestionConfig, name: str, table: TableConfig, columns: list[str]) -> TableFacts:
    """A table of which every column is needed in every row."""
    rows, reasons = 0, dict[str, tuple[int, str]]()
    files = list_files(table, config.data.folder)
    for path in files:
        for block in read_blocks(path, table, columns):
            incomplete = pl.any_horizontal(pl.all().is_null() | (pl.all().cast(pl.String) == ""))
            count = block.frame.select(incomplete.sum()).item()
            rows += block.frame.height + block.malformed.height
            for kind, number, shown in (
                ("nothing in a column", count, f"nothing in one of {', '.join(columns)}"),
                *((kind, number, reason) for kind, (number, reason) in _reasons(block.malformed).items()),
            ):
                if number:
                    reasons[kind] = (reasons.get(kind, (0, ""))[0] + number, shown)
    return TableFacts(name, len(files), rows, sum(number for number, _ in reasons.values()), reasons)


def _reasons(letters: pl.DataFrame) -> dict[str, tuple[int, str]]:
    if letters.is_empty():
        return {}
    counted = letters.group_by("kind").agg(pl.len(), pl.col("reason").first()).sort("len", descending=True)
    return {kind: (count, reason) for kind, count, reason in counted.iter_rows()}


def _add_table(report: ValidationReport, facts: TableFacts) -> None:
    report.tables.append(facts)
    reasons = {reason: count for count, reason in facts.reasons.values()}
    limit = report.config.data.max_bad_row_share
    problem = bad_rows_message(facts.name, facts.rows, facts.unusable, limit, reasons)
    if problem is not None:
        report.problems.append(problem)


def _judge_log(
    report: ValidationReport,
    config: IngestionConfig,
    sample: LogSample,
    items: pl.DataFrame | None,
    users: pl.DataFrame | None,
) -> None:
    report.part = sample.part
    if not sample.blocks:
        report.problems.append("the log should have rows, received none")
        return
    events, repeated = sort_events(sample.blocks)
    reasons = _reasons(sample.dead_letters)
    if repeated.height:
        reasons["repeats an earlier row"] = (repeated.height, "repeats an earlier row in every column that is used")
    unusable = sample.dead_letters.height + repeated.height
    _add_table(report, TableFacts("events", sample.files, sample.rows, unusable, reasons))
    times, counts = np.unique(events.get_column(TIMESTAMP).to_numpy(), return_counts=True)
    boundaries = _tried(report, partial(find_boundaries, times, counts, config.split, config.data.events))
    report.attributes += attribute_facts(events, config, "events")
    if boundaries is None:
        return
    report.events = event_facts(events, config, boundaries, items, users)
    _judge_events(report, report.events)


def _judge_events(report: ValidationReport, facts: EventFacts) -> None:
    for split in SPLITS:
        examples = facts.examples[split]
        if examples == 0:
            report.problems.append(f"{split} should have examples, received none: no event there has a label")
            continue
        for task, count in facts.positives[split].items():
            if count in (0, examples):
                which = "none" if count == 0 else f"all {count:,}"
                is_hopeless = count and split == "train"
                advice = "; a log without negatives needs `negatives: {source: sampled}`" if is_hopeless else ""
                found = f"task {task} should have both labels in {split}, received {which} positive{advice}"
                (report.problems if split == "train" else report.notes).append(found)
    for name, share in facts.without_attributes.items():
        if share == 1.0:
            report.problems.append(f"`data.{name}` should have the {name} of the log, received none of their ids")
        elif share > 0.0:
            report.notes.append(f"{share:.1%} of the events are of {name} that `data.{name}` does not have")
    year = 365 * 86_400_000_000
    if facts.first < 20 * year or facts.last - facts.first > 50 * year:
        report.notes.append(
            f"is `data.events.timestamp_unit` {report.config.data.events.timestamp_unit}? "
            f"The log would run from {show_time(facts.first)} to {show_time(facts.last)}"
        )
    if facts.history_percentiles[90] == 0:
        report.notes.append("fewer than one event in ten has a history; `sequence.behaviours` may select too little")


def _judge_attributes(report: ValidationReport) -> None:
    for facts in report.attributes:
        attribute = facts.attribute
        named = f"`{attribute.name}` (`{attribute.source_column}` of {attribute.source})"
        if facts.distinct == 0:
            kind = "numbers" if attribute.kind == "numeric" else "values"
            report.problems.append(f"{named} should have {kind}, received none")
            continue
        if facts.unreadable:
            report.notes.append(f"{named} has {facts.unreadable:,} cells that are no number; they count as missing")
        if facts.distinct == 1:
            report.notes.append(f"{named} has the same value everywhere, {facts.shown[0]}")


def _judge_history_negatives(report: ValidationReport) -> None:
    drawn, model = report.config.sequence.history_negatives, report.config.model
    if model.uses_history_negatives and not drawn:
        report.notes.append(
            f"{model.name} compares behaviours with other items: those of other examples of its batch, or, as its "
            "authors do, items drawn from the log, with `sequence.history_negatives: true`"
        )
    if drawn and not model.uses_history_negatives:
        report.notes.append(f"`sequence.history_negatives` makes examples larger, and {model.name} has no use for it")


def _judge_matcher(report: ValidationReport) -> None:
    config = report.config
    if not config.is_matcher:
        return
    first, name = config.tasks[0].name, config.model.name
    if len(config.tasks) > 1:
        report.notes.append(f"{name} finds items for the first task, {first}, alone; it has no use for the others")
    if config.negatives.source == "sampled":
        report.notes.append(
            f"{name} learns from positives alone; the negatives that `negatives.source: sampled` draws make examples "
            "that are left out"
        )
    if config.data.knowledge_graph is not None and not config.uses_graph:
        readers = " and ".join(spec.name for spec in registry.specs() if spec.needs_graph)
        report.notes.append(f"{name} has no use for `data.knowledge_graph`, which {readers} alone reads")
    reason = config.model_spec.no_tables_reason
    if config.embeddings and reason is not None:
        report.notes.append(f"{name} has no use for `embeddings`, since {reason}")
