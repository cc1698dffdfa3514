"""The names that columns have in frames of events, items and users: ours, and the log's own."""

from __future__ import annotations

from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER

ORDER = "order"
"""Column of events: file and row, so that simultaneous events keep the order that they were written in."""
ENTITY = "id"
"""Column of items and users: the id that events refer to."""
OURS = (USER, ITEM, TIMESTAMP, ORDER, ENTITY)
PREFIX = "log."


def own_column(name: str) -> str:
    """What the log's own column `name` is called in a frame: by its name, but for those that would clash with ours.

    No two columns come to share a name: one that already starts with the prefix gets it once more.
    """
    return f"{PREFIX}{name}" if name in OURS or name.startswith(PREFIX) else name
