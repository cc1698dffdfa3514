"""Counts of rows that cannot be used, and the decision whether there are too many of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import apache_beam as beam
import polars as pl

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.ingestion.counts import TableCounts
from interestflow.transforms.ingestion.letter_files import write_letters

REASONS_SHOWN = 3
NESTED_KEYS = {"links": "knowledge_graph.links"}
"""Keys below `data` of the tables that have another name."""


class IngestionError(Exception):
    """A log from which no examples can be built; the message says why."""


class TableReport(NamedTuple):
    """Counts of one step that reads a table: its name, the rows read, and the dead letters by kind of reason."""

    table: str
    rows: int
    reasons: dict[str, int]


def bad_rows_message(table: str, rows: int, bad_rows: int, limit: float, reasons: Mapping[str, int]) -> str | None:
    """Return the error message of a table with too many bad rows; None if their share is within the limit.

    Args:
        table: name of the table, as the message shows it.
        rows: number of all rows.
        bad_rows: number of rows that cannot be used.
        limit: the largest share allowed, `data.max_bad_row_share`.
        reasons: bad rows by reason; the message names the most frequent reasons.
    """
    if bad_rows <= limit * rows:
        return None
    shown = "; ".join(f"{count:,} x {reason}" for reason, count in Counter(reasons).most_common(REASONS_SHOWN))
    return (
        f"at most {limit:.2%} of the rows of {table} should be unusable (`data.max_bad_row_share`), "
        f"received {bad_rows:,} of {rows:,}, {bad_rows / rows:.2%}: {shown}"
    )


def report_rows(table: str, rows: int, dead_letters: pl.DataFrame, scratch: str) -> Iterator[beam.pvalue.TaggedOutput]:
    """Write dead letters, and yield what a step outputs for the rows of a table.

    Args:
        table: name of the table.
        rows: number of all rows.
        dead_letters: the rows that cannot be used, as in `Table`.
        scratch: the scratch folder.

    Yields:
        A `TableReport` for `counts`, and where the dead letters are for `letters`.
    """
    reasons = {str(kind): int(count) for kind, count in dead_letters.group_by("kind").len().iter_rows()}
    yield beam.pvalue.TaggedOutput("counts", TableReport(table, rows, reasons))
    if dead_letters.height:
        yield from (beam.pvalue.TaggedOutput("letters", chunk) for chunk in write_letters(dead_letters, scratch))


def check_dead_letters(reports: Iterable[TableReport], config: IngestionConfig) -> None:
    """Check that no table has more dead letters than the configuration allows.

    Raises:
        IngestionError: if a table has more, with the most frequent reasons.
    """
    reports = list(reports)
    reasons = sum_reasons(reports)
    for name, counts in count_tables(reports).items():
        message = bad_rows_message(
            f"`data.{NESTED_KEYS.get(name, name)}`",
            counts.rows,
            counts.dead_letters,
            config.data.max_bad_row_share,
            reasons[name],
        )
        if message is not None:
            raise IngestionError(message)


def sum_reasons(reports: Iterable[TableReport]) -> dict[str, Counter[str]]:
    """Return the dead letters by table and kind of reason, summed over all reports."""
    reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for report in reports:
        reasons[report.table].update(report.reasons)
    return reasons


def reason_counts(reports: Iterable[TableReport]) -> dict[str, int]:
    """Return the dead letters by `table: reason`, both in alphabetical order, as the files of counts have them."""
    return {
        f"{table}: {reason}": count
        for table, reasons in sorted(sum_reasons(reports).items())
        for reason, count in sorted(reasons.items())
    }


def count_tables(reports: Iterable[TableReport]) -> dict[str, TableCounts]:
    """Return the rows of each table, summed over all reports."""
    rows: Counter[str] = Counter()
    dead: Counter[str] = Counter()
    for report in reports:
        rows[report.table] += report.rows
        dead[report.table] += sum(report.reasons.values())
    return {
        table: TableCounts(rows=rows[table], usable=rows[table] - dead[table], dead_letters=dead[table])
        for table in sorted(rows)
    }
