"""What embedding tables take: shown before training, and held against a budget."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from interestflow.models.table_sizes import TableSize

MEGABYTE = 2**20


def over_budget(tables: Sequence[TableSize], optimizer: str, megabytes: int | None) -> str | None:
    """Why the tables, with what the optimizer of that name keeps beside them, are too large; None where they are not.

    Args:
        tables: of the model.
        optimizer: its name.
        megabytes: `training.max_embedding_memory_mb`; None is no limit.
    """
    total = sum(table.bytes for table in tables)
    if megabytes is None or total <= megabytes * MEGABYTE:
        return None
    each = ", ".join(f"{table.name} {_megabytes(table.bytes)}" for table in tables)
    return (
        f"tables of the model and what {optimizer} keeps beside them take {_megabytes(total)} ({each}), "
        f"`training.max_embedding_memory_mb` is {megabytes:,}"
    )


def shown(name: str, tables: Sequence[TableSize], optimizer: str) -> Table:
    """The tables of the model `name` for the terminal: rows, width, and memory in MB of 2^20 bytes."""
    made = Table(title=f"{name}: embedding tables", title_justify="left", title_style="bold")
    made.add_column("table")
    for heading in ("rows", "width", "weights", optimizer, "together"):
        made.add_column(heading, justify="right")
    for table in tables:
        sizes = (_megabytes(size) for size in (table.weight_bytes, table.slot_bytes, table.bytes))
        made.add_row(table.name, f"{table.rows:,}", f"{table.width}", *sizes)
    made.add_section()
    weights, slots = sum(table.weight_bytes for table in tables), sum(table.slot_bytes for table in tables)
    made.add_row("total", "", "", _megabytes(weights), _megabytes(slots), _megabytes(weights + slots))
    return made


def _megabytes(count: int) -> str:
    megabytes = count / MEGABYTE
    if megabytes < 0.1:
        return "0 MB" if count == 0 else "<0.1 MB"
    return f"{megabytes:,.0f} MB" if megabytes >= 10 else f"{megabytes:.1f} MB"
