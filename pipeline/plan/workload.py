"""The quantities that the cost of a step depends on, and the terms that formulas are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

MILLION = 1e6
VALUE_BYTES = 4
SPLITS_READ: Mapping[str, tuple[str, ...]] = {
    "Transform": ("train", "validation"), "Trainer": ("train",), "BaselineTrainer": ("train",),
    "Evaluator": ("test",), "BaselineEvaluator": ("test",),
}  # fmt: skip
"""Splits whose examples a step reads, or most of its work is for; by default all of them."""
DATA_TERMS = ("start", "examples", "history", "attributes", "items")
TRAINING_TERMS = ("start", "examples", "padded", "cached_mb", "table_mb")
STEPS: Mapping[str, tuple[str, ...]] = {
    "LogExampleGen": DATA_TERMS, "LeakCheck": DATA_TERMS, "StatisticsGen": DATA_TERMS, "Transform": DATA_TERMS,
    "Trainer": TRAINING_TERMS, "Evaluator": (*DATA_TERMS, "table_mb"), "ServingValidator": ("start", "table_mb"),
    "BaselineTrainer": TRAINING_TERMS, "BaselineEvaluator": (*DATA_TERMS, "table_mb"),
}  # fmt: skip
"""Terms that the cost of each step may have, by the step. The steps that are not here take about a second."""


@dataclass(frozen=True)
class Workload:
    """Size of a log and what is made of it.

    Attributes:
        events: rows of the log.
        examples: number of examples by split.
        items, users: number of distinct ids.
        history: mean number of behaviours that an example keeps.
        max_length: largest number of behaviours that an example keeps, to which models pad.
        history_attributes: attributes along the history.
        target_attributes: attributes with the target.
        epochs: passes over the training split.
        cache_limit_mb: size up to which the training split is kept in memory; by default a quarter of 4 GB.
        table_mb: embedding tables of the model with their optimizer slots, in MB of 2^20 bytes.
    """

    events: float
    examples: Mapping[str, float]
    items: float
    users: float
    history: float
    max_length: int
    history_attributes: int
    target_attributes: int
    epochs: int = 1
    cache_limit_mb: float = 953.0
    table_mb: float = 0.0

    def terms(self, step: str) -> dict[str, float]:
        """Return the value of every term for a step: counts in millions, tables in MB, the start 1.

        | term | value |
        |---|---|
        | `start` | 1 |
        | `examples` | examples that the step reads, for a training those of all epochs |
        | `history` | behaviours of these examples, times 2 (item and age) and the attributes along the history |
        | `attributes` | examples times attributes with the target |
        | `padded` | examples times `max_length`, times the same |
        | `items` | distinct items |
        | `cached_mb` | training examples in memory, 4 bytes a value, if they are less than `cache_limit_mb` |
        | `table_mb` | embedding tables with optimizer slots |
        """
        behaviour_values = 2 + self.history_attributes
        splits = SPLITS_READ.get(step, tuple(self.examples))
        examples = sum(self.examples[split] for split in splits) / MILLION
        if step.endswith("Trainer"):
            examples *= self.epochs
        return {
            "start": 1.0,
            "examples": examples,
            "history": examples * self.history * behaviour_values,
            "attributes": examples * self.target_attributes,
            "padded": examples * self.max_length * behaviour_values,
            "cached_mb": self.cached_mb,
            "items": self.items / MILLION,
            "table_mb": self.table_mb,
        }

    @property
    def cached_mb(self) -> float:
        """Size of the training split in memory, in MB; 0 where it exceeds `cache_limit_mb` and is read each epoch."""
        values = self.history * (2 + self.history_attributes) + 2 + self.target_attributes
        size = VALUE_BYTES * values * self.examples["train"] / 2**20
        return size if size <= self.cache_limit_mb else 0.0

    def with_log_times(self, factor: float) -> Workload:
        """Return the workload of a log with `factor` times as many events and users, and the same items."""
        return replace(
            self,
            events=self.events * factor,
            users=self.users * factor,
            examples={split: count * factor for split, count in self.examples.items()},
        )

    def with_items_times(self, factor: float) -> Workload:
        """Return the workload of `factor` times as many items, whose table grows with them."""
        return replace(self, items=self.items * factor, table_mb=self.table_mb * factor)


def mean_history(behaviours_per_user: float, max_length: int) -> float:
    """Return the mean history of users with equally many behaviours each, each example having those before it.

    Example:
        >>> mean_history(200, 50)  # 0 to 49 behaviours for a quarter of the examples, then 50
        43.625
    """
    if behaviours_per_user <= max_length:
        return max(behaviours_per_user - 1, 0.0) / 2
    return max_length - max_length * (max_length + 1) / (2 * behaviours_per_user)
