"""Read the tables of items and users: files to one frame of usable rows and dead letters."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from interestflow.transforms.config import EntitiesConfig, EntityTable, IngestionConfig
from interestflow.transforms.reading.blocks import read_blocks
from interestflow.transforms.reading.columns import ENTITY, frame_column
from interestflow.transforms.reading.files import TableError, list_files
from interestflow.transforms.reading.row_checks import missing_id_checks
from interestflow.transforms.reading.tables import FILE, ROW, Table, dead_letters, split_rows


def read_attributes(config: IngestionConfig, name: EntityTable) -> Table | None:
    """Read the items or users with the columns that the configuration uses; None if it has no such table."""
    table: EntitiesConfig | None = getattr(config.data, name)
    if table is None:
        return None
    columns = [attribute.source_column for attribute in config.features.attributes_of(name)]
    return read_entities(table, config.data.folder, columns)


def read_entities(table: EntitiesConfig, folder: str | None, columns: Iterable[str]) -> Table:
    """Read the table of items or users: `id` (text) and columns under the names that `frame_column` gives them.

    Dead letters are rows without an id, rows with text that is not UTF-8, and all but the first row of an id.

    Args:
        table: the table.
        folder: the folder that its path is relative to.
        columns: the columns to read besides the id.

    Raises:
        TableError: if a file cannot be read or lacks a column, or the table has no rows.
    """
    names = {column: frame_column(column) for column in columns}
    checks = missing_id_checks({ENTITY: (table.id, "no id")})
    parts: list[Table] = []
    for path in list_files(table, folder):
        for block in read_blocks(path, table, list(dict.fromkeys([table.id, *names]))):
            frame = block.frame.select(
                pl.col(table.id).cast(pl.String).alias(ENTITY),
                *(pl.col(column).alias(name) for column, name in names.items()),
                pl.lit(path).alias(FILE),
                block.rows.alias(ROW),
            )
            parts.append(split_rows(frame, block, checks, path))
    if not parts:
        raise TableError(f"{table.path} should have rows, received none")
    return _drop_repeated(parts)


def _drop_repeated(parts: list[Table]) -> Table:
    """Join the parts of a table; all but the first row of an id become dead letters."""
    frame = pl.concat([part.frame for part in parts], how="vertical_relaxed")
    is_first = frame.get_column(ENTITY).is_first_distinct()
    reason = pl.format("id {} is given twice; the first is used", pl.col(ENTITY))
    repeated = dead_letters(frame.filter(~is_first), "an id is given twice", reason)
    return Table(
        frame.filter(is_first).drop(FILE, ROW),
        pl.concat([*(part.dead_letters for part in parts), repeated]),
        sum(part.rows for part in parts),
    )
