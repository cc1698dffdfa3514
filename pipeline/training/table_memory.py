"""Memory of the embedding tables: shown before training, and compared with a budget."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from interestflow.models.table_sizes import TableSize

MEGABYTE = 2**20


def excess_memory(tables: Sequence[TableSize], optimizer: str, megabytes: int | None) -> str | None:
    """Return why the tables with their optimizer slots are too large; None if they are not.

    Args:
        tables: Embedding tables of the model.
        optimizer: Name of the optimizer.
        megabytes: `training.max_embedding_memory_mb`; None for no limit.
    """
    total = sum(table.bytes for table in tables)
    if megabytes is None or total <= megabytes * MEGABYTE:
        return None
    sizes = ", ".join(f"{table.name} {_megabytes(table.bytes)}" for table in tables)
    return (
        f"tables of the model and what {optimizer} keeps beside them take {_megabytes(total)} ({sizes}), "
        f"`training.max_embedding_memory_mb` is {megabytes:,}"
    )


def memory_table(name: str, tables: Sequence[TableSize], optimizer: str) -> Table:
    """Return the embedding tables of the model `name` for the terminal: rows, width, and memory in MB of 2^20 bytes."""
    overview = Table(title=f"{name}: embedding tables", title_justify="left", title_style="bold")
    overview.add_column("table")
    for heading in ("rows", "width", "weights", optimizer, "together"):
        overview.add_column(heading, justify="right")
    for table in tables:
        sizes = (_megabytes(size) for size in (table.weight_bytes, table.slot_bytes, table.bytes))
        overview.add_row(table.name, f"{table.rows:,}", f"{table.width}", *sizes)
    overview.add_section()
    weights, slots = sum(table.weight_bytes for table in tables), sum(table.slot_bytes for table in tables)
    overview.add_row("total", "", "", _megabytes(weights), _megabytes(slots), _megabytes(weights + slots))
    return overview


def _megabytes(count: int) -> str:
    """Return a number of bytes as text in MB."""
    megabytes = count / MEGABYTE
    if megabytes < 0.1:
        return "0 MB" if count == 0 else "<0.1 MB"
    return f"{megabytes:,.0f} MB" if megabytes >= 10 else f"{megabytes:.1f} MB"
