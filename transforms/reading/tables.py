"""Usable rows of a table and dead letters for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from interestflow.transforms.reading.row_checks import RowCheck
from interestflow.transforms.reading.row_numbers import Block

DEAD_LETTER_SCHEMA = {"file": pl.String, "row": pl.Int64, "reason": pl.String, "content": pl.String}
GARBLED = "\ufffd"
"""The replacement character, to which bytes that are not UTF-8 are decoded."""
FILE, ROW = "__file", "__row"
"""Columns that say where a row of a frame comes from."""


@dataclass(frozen=True)
class Table:
    """Usable rows of a table, or of a part of it, and the dead letters of the others.

    Attributes:
        frame: the usable rows.
        dead_letters: `file`, `row` (from 1; headers and empty lines are not counted), `reason`, `kind` (the reason
            without the offending value) and `content`: JSON of the columns that were read, or the line if it could
            not be parsed.
        rows: number of all rows.
    """

    frame: pl.DataFrame
    dead_letters: pl.DataFrame
    rows: int


def split_rows(
    frame: pl.DataFrame, block: Block, checks: Sequence[RowCheck], path: str, columns: Sequence[str] | None = None
) -> Table:
    """Split the rows of a block into usable ones and dead letters; a row is given the first reason that applies.

    Text that is not UTF-8 is checked last, for every table.

    Args:
        frame: the rows of the block, under the names that the checks use.
        block: the block, as it was read.
        checks: the reasons for which rows cannot be used.
        path: path of the file.
        columns: the columns of `frame` to keep; None for all.
    """
    usable = frame if columns is None else frame.select(columns)
    malformed = block.malformed.select(pl.lit(path).alias("file"), "row", "reason", "kind", "content")
    all_checks = [*checks, *_encoding_checks(block.frame)]
    is_bad = frame.select(pl.any_horizontal(check.is_bad.fill_null(False) for check in all_checks)).to_series()
    if not is_bad.any():
        return Table(usable, malformed, block.row_count)
    bad_rows = block.frame.filter(is_bad)
    all_checks = [*checks, *_encoding_checks(bad_rows)]
    dead_letters = (
        frame.filter(is_bad)
        .rechunk()
        .select(  # `dead_letters` says why in one chunk
            pl.lit(path).alias("file"),
            block.rows.filter(is_bad).alias("row"),
            pl.coalesce(pl.when(check.is_bad).then(check.reason) for check in all_checks).alias("reason"),
            pl.coalesce(pl.when(check.is_bad).then(pl.lit(check.kind)) for check in all_checks).alias("kind"),
            bad_rows.select(pl.struct(pl.all()).struct.json_encode().alias("content")).to_series(),
        )
    )
    return Table(usable.filter(~is_bad), pl.concat([malformed, dead_letters]).sort("row"), block.row_count)


def dead_letters(frame: pl.DataFrame, kind: str, reason: pl.Expr) -> pl.DataFrame:
    """Return dead letters, as in `Table`, for all rows of a frame, whose content is its other columns.

    Args:
        frame: rows with `__file` and `__row`.
        kind: the reason without the offending value.
        reason: text expression, the reason with the offending value.
    """
    # In one chunk, because formatting text panics on some layouts of chunks: github.com/pola-rs/polars/issues/25339.
    return frame.rechunk().select(
        pl.col(FILE).alias("file"),
        pl.col(ROW).alias("row"),
        reason.alias("reason"),
        pl.lit(kind).alias("kind"),
        pl.struct(pl.exclude(FILE, ROW)).struct.json_encode().alias("content"),
    )


def _encoding_checks(frame: pl.DataFrame) -> list[RowCheck]:
    """Return a check of each text column of `frame` that holds text which is not UTF-8; valid for this frame only."""
    checks = []
    for column in frame.select(pl.col(pl.String)):
        is_garbled = column.str.contains(GARBLED, literal=True).fill_null(False)
        if is_garbled.any():
            checks.append(RowCheck(pl.lit(is_garbled), "not UTF-8", pl.lit(f"not UTF-8 in `{column.name}`")))
    return checks
