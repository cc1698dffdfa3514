"""How examples lie in memory: a record of single values each, and histories as pages of some behaviours each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from interestflow.models.inputs import ModelInputs
from interestflow.pipeline.training.batch_memory import TensorTypes
from interestflow.transforms import feature_names
from interestflow.transforms.transformed.format import Column

HISTORY_CUTS = 8
"""Number of lengths that histories are cut to, so that few shapes have to be compiled."""
FIRST_PAGE, PAGE_COUNT = "#first_page", "#page_count"
"""Fields of a record that say where the example's history lies; no column has such a name."""


@dataclass(frozen=True)
class ExampleLayout:
    """Layout of the examples of one model in memory.

    A history of L behaviours takes `ceil(L / page_steps)` pages of a shared array; page 0 is the padding of all. The
    values of an example lie together, and so do those of a behaviour, so that a batch is gathered by copying few runs
    of bytes. Each id has the smallest type that holds its table's last row.

    Attributes:
        history_length: T, behaviours of a padded history.
        page_steps: Behaviours in a page.
        columns: Every column to read, by name.
        table_rows: Rows of the embedding table by name of a column of ids; every id is below them.
        record: Type of an example, with a field for each column without a history axis.
        step: Type of a behaviour, with a field for each column along the history.
    """

    history_length: int
    page_steps: int
    columns: Mapping[str, Column]
    table_rows: Mapping[str, int]
    record: np.dtype
    step: np.dtype

    @property
    def pages(self) -> int:
        """Number of pages of a full history."""
        return -(-self.history_length // self.page_steps)

    @property
    def single_names(self) -> list[str]:
        """Names of the columns without a history axis."""
        return [name for name in self.columns if name not in self.history_names]

    @property
    def history_names(self) -> tuple[str, ...]:
        """Names of the columns along the history."""
        return self.step.names or ()

    def tensor_types(self, batch_size: int, history_length: int) -> TensorTypes:
        """Return shape and type of each tensor of a batch whose histories are padded or cut to a length."""
        types = {}
        for name, column in self.columns.items():
            shape = (history_length, *column.shape[1:]) if name in self.history_names else column.shape
            dtype = np.dtype(np.float32 if column.dtype == "float32" else np.int64)
            types[name] = (batch_size, *shape), dtype
        return types

    @classmethod
    def build(cls, inputs: ModelInputs) -> ExampleLayout:
        """Return the layout for a model's inputs, labels and masks."""
        tensors = inputs.tensors() | inputs.training_tensors()
        columns = {name: model_column(shape, dtype) for name, (shape, dtype) in tensors.items()}
        labels = [feature_names.label(task) for task in inputs.tasks]
        masks = [feature_names.mask(task) for task in inputs.masked_tasks]
        columns |= dict.fromkeys([*labels, *masks], Column("float32"))
        rows = inputs.rows()
        rows |= {name: rows[name.replace("history_negative_", "history_")] for name in inputs.training_tensors()}
        histories = inputs.history_tensors()
        record = {name: _field(column, rows.get(name)) for name, column in columns.items() if name not in histories}
        record |= {FIRST_PAGE: np.dtype(np.int64), PAGE_COUNT: np.dtype(np.uint8)}
        step = {name: _field(Column("int32", columns[name].shape[1:]), rows[name]) for name in histories}
        page_steps = math.ceil(inputs.history_length / HISTORY_CUTS)
        return cls(inputs.history_length, page_steps, columns, rows, _struct(record), _struct(step))


def model_column(shape: tuple[int, ...], dtype: str) -> Column:
    """Return the column of a tensor, given as in `ModelInputs.tensors`."""
    return Column("int32" if dtype == "int64" else "float32", shape)


def _field(column: Column, rows: int | None) -> np.dtype:
    """Return the type of a field, given the rows of its table if it holds ids."""
    scalar = np.dtype(column.dtype if rows is None else np.min_scalar_type(rows - 1))
    return np.dtype((scalar, column.shape))


def _struct(fields: Mapping[str, np.dtype]) -> np.dtype:
    """Return a structured type with aligned fields, the widest first, which leaves hardly any gaps."""
    names = sorted(fields, key=lambda name: -fields[name].base.itemsize)
    return np.dtype([(name, fields[name]) for name in names], align=True)
