"""What ingestion read, left out and made, in numbers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class TableCounts(BaseModel):
    """Rows of one input table; `rows == usable + dead_letters`."""

    model_config = ConfigDict(extra="forbid")

    rows: int
    usable: int
    dead_letters: int


class IngestionCounts(BaseModel):
    """Everything that ingestion counted.

    tables: by `events`, `items`, `users`; those that the configuration has.
    dead_letter_reasons: rows by table and reason, the reason without the offending value: `events: no item id`.
    examples: written by split: `train`, `validation`, `test`, and for matchers `items`.
    positives: by split, then by task.
    sampled_negatives: by split, how many of the examples were drawn rather than logged.
    negatives_not_found: how many could not be drawn, since their user had taken nearly everything.
    behaviours_only: usable events that are no example, since no task has a label for them.
    users, items: distinct ids among usable events.
    items_in_training: distinct items of the training window.
    without_attributes: events whose item, or user, is not in its table; by `items`, `users`.
    unreadable_numbers: by numeric attribute, cells that are no number; they count as missing.
    validation_from, test_from: the first instant of each, microseconds since 1970.
    """

    model_config = ConfigDict(extra="forbid")

    tables: dict[str, TableCounts]
    dead_letter_reasons: dict[str, int]
    examples: dict[str, int]
    positives: dict[str, dict[str, int]]
    sampled_negatives: dict[str, int]
    negatives_not_found: int
    behaviours_only: int
    users: int
    items: int
    items_in_training: int
    without_attributes: dict[str, int]
    unreadable_numbers: dict[str, int]
    validation_from: int
    test_from: int
