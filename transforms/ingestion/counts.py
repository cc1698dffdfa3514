"""Counts of the rows and examples that ingestion read, left out and wrote."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class TableCounts(BaseModel):
    """Rows of one input table; `rows == usable + dead_letters`."""

    model_config = ConfigDict(extra="forbid")

    rows: int
    usable: int
    dead_letters: int


class IngestionCounts(BaseModel):
    """All counts of one ingestion.

    Attributes:
        tables: rows by table: `events` and, if the configuration has them, `items` and `users`.
        dead_letter_reasons: rows by table and reason, the reason without the offending value: `events: no item id`.
        examples: examples written by split: `train`, `validation`, `test`, and for matchers `items`.
        positives: positive examples by split, then by task.
        sampled_negatives: by split, how many of the examples were sampled rather than logged.
        negatives_not_found: negatives that could not be sampled, since their user has nearly every item as a positive.
        behaviours_only: usable events that are not examples, since no task has a label for them.
        users: distinct user ids of usable events.
        items: distinct item ids of usable events.
        items_in_training: distinct items of the training window.
        without_attributes: by `items` and `users`, events whose item, or user, is not in its table.
        unreadable_numbers: by numeric attribute, cells that are not a number; they count as missing.
        validation_from: first instant of the validation split, in microseconds since 1970.
        test_from: first instant of the test split, in microseconds since 1970.
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
