"""Checks a configuration against the real files: what the pipeline would read, without running it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import numpy as np
import polars as pl

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.generated_logs import ensure_logs, has_generated_logs
from interestflow.pipeline.validate.judgments import (
    judge_attributes,
    judge_events,
    judge_history_negatives,
    judge_matcher,
)
from interestflow.pipeline.validate.log_facts import (
    TableFacts,
    attribute_facts,
    event_facts,
)
from interestflow.pipeline.validate.log_sample import LogSample, read_sample
from interestflow.pipeline.validate.report import ValidationReport
from interestflow.transforms.config import ENTITY_TABLES, EntityTable, IngestionConfig, TableConfig
from interestflow.transforms.examples.event_order import sort_events
from interestflow.transforms.feature_names import TIMESTAMP
from interestflow.transforms.ingestion.dead_letters import bad_rows_message
from interestflow.transforms.reading.blocks import read_blocks
from interestflow.transforms.reading.entities import read_attributes
from interestflow.transforms.reading.files import TableError, list_files
from interestflow.transforms.splits import find_boundaries

GENERATED_EVENTS = 500_000
"""Largest log that is generated for validation; a larger one is judged by a log of this size."""
Result = TypeVar("Result")


def validate(config: PipelineConfig) -> ValidationReport:
    """Read the files that a configuration names and report what a run would fail on. Their folders stay unchanged."""
    report = ValidationReport(config)
    with _readable_config(report) as config:
        ingestion = config.ingestion()
        sample = _read(report, lambda: read_sample(ingestion))
        items, users = (_read(report, partial(_read_table, report, ingestion, name)) for name in ENTITY_TABLES)
        _check_knowledge_graph(report, ingestion)
        if sample is not None:
            _judge_log(report, ingestion, sample, items, users)
        for name, frame in zip(ENTITY_TABLES, (items, users), strict=True):
            report.attributes += attribute_facts(frame, ingestion, name)
    judge_attributes(report)
    judge_history_negatives(report)
    judge_matcher(report)
    return report


@contextmanager
def _readable_config(report: ValidationReport) -> Iterator[PipelineConfig]:
    """Yield the configuration; where its log is yet to be generated, with a log in a temporary folder."""
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


def _read(report: ValidationReport, read: Callable[[], Result]) -> Result | None:
    """Return what `read` returns; add its error to the report and return None where an input cannot be read.

    The other inputs are checked nevertheless.
    """
    try:
        return read()
    except TableError as error:
        report.problems.append(str(error))
        return None


def _read_table(report: ValidationReport, config: IngestionConfig, name: EntityTable) -> pl.DataFrame | None:
    table = read_attributes(config, name)
    if table is None:
        return None
    files = len(list_files(getattr(config.data, name), config.data.folder))
    _add_table(report, TableFacts(name, files, table.rows, table.dead_letters.height, _reasons(table.dead_letters)))
    return table.frame


def _check_knowledge_graph(report: ValidationReport, config: IngestionConfig) -> None:
    graph = config.data.knowledge_graph
    if graph is None:
        return
    tables: list[tuple[str, TableConfig, list[str]]] = [("graph", graph, [graph.head, graph.relation, graph.tail])]
    if graph.links is not None:
        tables.append(("links", graph.links, [graph.links.item, graph.links.entity]))
    for name, table, columns in tables:
        facts = _read(report, partial(_count_rows, config, name, table, columns))
        if facts is not None:
            _add_table(report, facts)


def _count_rows(config: IngestionConfig, name: str, table: TableConfig, columns: list[str]) -> TableFacts:
    """Count the rows of a table in which every column must have a value."""
    rows, reasons = 0, dict[str, tuple[int, str]]()
    files = list_files(table, config.data.folder)
    for path in files:
        for block in read_blocks(path, table, columns):
            incomplete = pl.any_horizontal(pl.all().is_null() | (pl.all().cast(pl.String) == ""))
            incomplete_rows = block.frame.select(incomplete.sum()).item()
            rows += block.frame.height + block.malformed.height
            for kind, count, reason in (
                ("nothing in a column", incomplete_rows, f"nothing in one of {', '.join(columns)}"),
                *((kind, count, reason) for kind, (count, reason) in _reasons(block.malformed).items()),
            ):
                if count:
                    reasons[kind] = (reasons.get(kind, (0, ""))[0] + count, reason)
    return TableFacts(name, len(files), rows, sum(count for count, _ in reasons.values()), reasons)


def _reasons(dead_letters: pl.DataFrame) -> dict[str, tuple[int, str]]:
    """Return, by kind of reason, how many rows are unusable and one full reason."""
    if dead_letters.is_empty():
        return {}
    counted = dead_letters.group_by("kind").agg(pl.len(), pl.col("reason").first()).sort("len", descending=True)
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
    boundaries = _read(report, partial(find_boundaries, times, counts, config.split, config.data.events))
    report.attributes += attribute_facts(events, config, "events")
    if boundaries is None:
        return
    report.events = event_facts(events, config, boundaries, items, users)
    judge_events(report, report.events)
