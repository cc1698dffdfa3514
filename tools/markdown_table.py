"""Tables of the generated pages, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with a header; white space within a cell becomes single spaces, and `|` is escaped."""
    return "\n".join([_row(columns), "|" + "---|" * len(columns), *map(_row, rows)])
