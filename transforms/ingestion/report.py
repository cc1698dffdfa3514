"""What ingestion tells of itself: counts and dead letters as they come, whether they are too many, and the report."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import polars as pl

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.examples.catalogue import ITEMS_SPLIT
from interestflow.transforms.examples.shard import Catalogue
from interestflow.transforms.feature_names import TIMESTAMP
from interestflow.transforms.ingestion.counts import IngestionCounts, TableCounts
from interestflow.transforms.ingestion.shuffle_files import content_of, created, packed, unpacked
from interestflow.transforms.reading.files import TableError
from interestflow.transforms.reading.tables import DEAD_LETTER_SCHEMA
from interestflow.transforms.splits import (
    HOUR,
    SPLITS,
    Boundaries,
    Instants,
    deciding_hours,
    exactly,
    find_boundaries,
    merged,
)

COUNTS, DEAD_LETTERS = "counts.json", "dead_letters.parquet"
REASONS_SHOWN = 3

Counts = dict[str, int]
Told = tuple[str, int, Counts]
"""Of a table: rows read, and dead letters by reason."""


class IngestionError(Exception):
    """A log that no examples can be made from; the message says why."""


def too_many_unusable(table: str, rows: int, unusable: int, limit: float, reasons: Mapping[str, int]) -> str | None:
    """What is wrong with a table of which a larger share than `limit` cannot be used; None where it is not so.

    Args:
        table: what to call it.
        rows: how many it has.
        unusable: how many of them cannot be used.
        limit: `data.dead_letter_limit`.
        reasons: how many rows by reason; the most frequent are named.
    """
    if unusable <= limit * rows:
        return None
    shown = "; ".join(f"{count:,} x {reason}" for reason, count in Counter(reasons).most_common(REASONS_SHOWN))
    return (
        f"at most {limit:.2%} of the rows of {table} should be unusable (`data.dead_letter_limit`), "
        f"received {unusable:,} of {rows:,}, {unusable / rows:.2%}: {shown}"
    )


def told(table: str, rows: int, letters: pl.DataFrame) -> Iterable[Any]:
    yield beam.pvalue.TaggedOutput("counts", (table, rows, _by_reason(letters)))
    if letters.height:
        yield beam.pvalue.TaggedOutput("letters", packed(letters))


def _by_reason(letters: pl.DataFrame) -> Counts:
    return {str(kind): int(count) for kind, count in letters.group_by("kind").len().iter_rows()}


def decide_boundaries(
    _: None,
    config: IngestionConfig,
    hours: list[Instants],
    shards: list[tuple[int, str]],
    told: list[Told],
) -> Boundaries:
    """Where the splits are cut, exactly, without all instants of the log at once.

    Args:
        config: of the log.
        hours: of each shard, as `by_hour` gives them.
        shards: sorted shards and where they are; the few hours that decide are read again there.
        told: of every table.

    Raises:
        IngestionError: past the limit of dead letters, or where a split would be empty.
    """
    reasons = _reasons(told)
    for name, counts in _table_counts(told).items():
        problem = too_many_unusable(
            f"`data.{name}`", counts.rows, counts.dead_letters, config.data.dead_letter_limit, reasons[name]
        )
        if problem is not None:
            raise IngestionError(problem)
    of_all = merged(hours)
    deciding = deciding_hours(of_all, config.split, config.data.events)
    looked_into = [np.zeros(0, np.int64)]
    for _number, path in shards:
        times = unpacked(content_of(path), [TIMESTAMP]).get_column(TIMESTAMP).to_numpy()
        looked_into.append(times[np.isin(times // HOUR, deciding)])
    instants = exactly(of_all, np.unique(np.concatenate(looked_into), return_counts=True))
    try:
        return find_boundaries(*instants, config.split, config.data.events)
    except TableError as error:
        raise IngestionError(str(error)) from None


def _reasons(told: Iterable[Told]) -> dict[str, Counter[str]]:
    """By table: rows by reason, over all that was told of it."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for table, _, reasons in told:
        found[table].update(reasons)
    return found


def _table_counts(told: Iterable[Told]) -> dict[str, TableCounts]:
    rows: Counts = Counter()
    dead: Counts = Counter()
    for table, count, reasons in told:
        rows[table] += count
        dead[table] += sum(reasons.values())
    return {
        table: TableCounts(rows=rows[table], usable=rows[table] - dead[table], dead_letters=dead[table])
        for table in rows
    }


def write_report(
    _: None,
    folder: str,
    boundaries: Boundaries,
    told: list[Told],
    letters: list[bytes],
    made: list[dict[str, Any]],
    catalogue: Catalogue,
    catalogue_examples: int | None = None,
) -> None:
    items = pl.concat([part["items"] for part in made]).n_unique()

    def total(key: str) -> dict[str, int]:
        summed: Counts = Counter()
        for part in made:
            summed.update(part[key])
        return dict(summed)

    examples = total("examples")
    for split in SPLITS:
        if examples[split] == 0:
            shown = ", ".join(f"{name} {count:,}" for name, count in examples.items())
            raise IngestionError(f"every split should have examples, received {shown}: no event there has a label")
    if catalogue_examples is not None:
        examples[ITEMS_SPLIT] = catalogue_examples
    counts = IngestionCounts(
        tables=_table_counts(told),
        dead_letter_reasons={
            f"{table}: {reason}": count
            for table, found in sorted(_reasons(told).items())
            for reason, count in sorted(found.items())
        },
        examples=examples,
        positives={
            split: dict(sum((Counter(part["positives"][split]) for part in made), Counter())) for split in SPLITS
        },
        sampled_negatives=total("sampled_negatives"),
        negatives_not_found=sum(part["negatives_not_found"] for part in made),
        behaviours_only=sum(part["behaviours_only"] for part in made),
        users=sum(part["users"] for part in made),
        items=items,
        items_in_training=len(catalogue.items),
        without_attributes=total("without_attributes"),
        unreadable_numbers=total("unreadable_numbers") | made[0]["unreadable_in_tables"],
        validation_from=boundaries.validation,
        test_from=boundaries.test,
    )
    frames = [pl.DataFrame(schema=DEAD_LETTER_SCHEMA), *(unpacked(block).drop("kind") for block in letters)]
    dead_letters = pl.concat(frames).sort("file", "row")
    content = io.BytesIO()
    dead_letters.write_parquet(content)
    with created(f"{folder}/{DEAD_LETTERS}") as file:
        file.write(content.getvalue())
    with created(f"{folder}/{COUNTS}") as file:
        file.write(counts.model_dump_json(indent=2).encode())
