"""How large the embedding tables of a model will be, known before any of them takes memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from interestflow.models.layers.embedding.declared_tables import DeclaredTable, declare_tables
from interestflow.models.optimizers import build_optimizer, slot_bytes
from interestflow.models.training_config import OptimizerConfig

FLOAT_BYTES = 4


@dataclass(frozen=True)
class TableSize:
    """Of one table: `rows` vectors of `width` numbers, and what the optimizer keeps beside them, in bytes."""

    name: str
    rows: int
    width: int
    slot_bytes: int

    @property
    def weight_bytes(self) -> int:
        """Tables are in float32, whatever is computed with."""
        return FLOAT_BYTES * self.rows * self.width

    @property
    def bytes(self) -> int:
        return self.weight_bytes + self.slot_bytes


def table_sizes(build: Callable[[], Any], config: OptimizerConfig) -> tuple[TableSize, ...]:
    """The tables of the model that `build` makes, the largest first.

    Args:
        build: makes a model with its weights. It is called with every table of one row, so that it returns also where
            the tables would fit into no memory.
        config: the optimizer that will train it.
    """
    with declare_tables() as tables:
        build()
    sizes = [TableSize(table.name, table.rows, table.width, _slot_bytes(table, config)) for table in tables]
    return tuple(sorted(sizes, key=lambda size: -size.bytes))


def _slot_bytes(table: DeclaredTable, config: OptimizerConfig) -> int:
    """A slot is one number a row, or one a weight, so that those of one row tell those of all."""
    return table.rows * slot_bytes(build_optimizer(config), table.variable) if table.variable.trainable else 0
