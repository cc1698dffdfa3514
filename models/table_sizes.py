"""Sizes of a model's embedding tables, computed before any of them takes memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from interestflow.models.base import DescribedModel
from interestflow.models.layers.embedding.declared_tables import DeclaredTable, declare_tables
from interestflow.models.optimizers import build_optimizer, slot_bytes
from interestflow.models.training_config import OptimizerConfig

FLOAT_BYTES = 4


@dataclass(frozen=True)
class TableSize:
    """Size of one table: `rows` embeddings of `width` values, and the memory of its optimizer slots in bytes."""

    name: str
    rows: int
    width: int
    slot_bytes: int

    @property
    def weight_bytes(self) -> int:
        """Memory of the table in bytes; tables are float32 under every precision policy."""
        return FLOAT_BYTES * self.rows * self.width

    @property
    def bytes(self) -> int:
        """Memory of the table and its optimizer slots in bytes."""
        return self.weight_bytes + self.slot_bytes


def table_sizes(build: Callable[[], DescribedModel], config: OptimizerConfig) -> tuple[TableSize, ...]:
    """Return the sizes of the tables of the model that `build` builds, the largest first.

    Args:
        build: builds a model with its weights. It is called while every table has a single row, so that it returns
            even if the full tables would not fit into memory.
        config: the optimizer that will train the model.
    """
    with declare_tables() as tables:
        build()
    sizes = [TableSize(table.name, table.rows, table.width, _slot_bytes(table, config)) for table in tables]
    return tuple(sorted(sizes, key=lambda size: -size.bytes))


def _slot_bytes(table: DeclaredTable, config: OptimizerConfig) -> int:
    """Return the memory of a table's slots, scaled up from one row: slots have one value for each row or weight."""
    return table.rows * slot_bytes(build_optimizer(config), table.variable) if table.variable.trainable else 0
