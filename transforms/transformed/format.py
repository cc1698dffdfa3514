"""Format of transformed examples: Arrow files with one column for each output of `Preprocessing`.

A split is a folder of files `columns-SSSSS-of-NNNNN.arrow`, each in Arrow's IPC file format, with buffers compressed by
LZ4 and record batches of at most `BATCH_ROWS` examples. Columns are ordered by name. Ids are 32-bit, and rows end where
their padding starts, so that a file holds little more than what was observed:

| tensor | column |
|---|---|
| ids `[B]` | `int32` |
| ids `[B, N]` | `list<int32>`, without the zeros at the end of a row |
| ids `[B, T, V]` | `list<fixed_size_list<int32, V>>`, without the steps at the end of a row that are all zeros |
| numbers, labels, masks `[B]` | `float32` |
| texts `[B]` | `binary` |

The schema's metadata holds the version of the format and the padded shapes, from which a reader restores the tensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import pyarrow as pa

BATCH_ROWS = 8192
"""Largest number of examples in a record batch."""
COMPRESSION = "lz4"
FORMAT_KEY = b"interestflow.format"
FORMAT = b"1"
SHAPES_KEY = b"interestflow.shapes"
FILE_PATTERN = "columns-*.arrow"

ColumnType: TypeAlias = Literal["int32", "float32", "binary"]
SCALAR_TYPES: Mapping[ColumnType, pa.DataType] = {"int32": pa.int32(), "float32": pa.float32(), "binary": pa.binary()}


class TransformedFormatError(Exception):
    """Transformed examples that are not in this format, or values that it cannot hold."""


@dataclass(frozen=True)
class Column:
    """Type and padded shape of one column.

    Attributes:
        dtype: type of the values.
        shape: shape of the padded tensor without the batch: `()`, `(N,)` or `(T, V)`.
    """

    dtype: ColumnType
    shape: tuple[int, ...] = ()

    def arrow_type(self) -> pa.DataType:
        """Return the type of the column in Arrow.

        Raises:
            TransformedFormatError: if there is no column for this type and shape.
        """
        scalar = SCALAR_TYPES[self.dtype]
        if not self.shape:
            return scalar
        if self.dtype != "int32" or len(self.shape) > 2:
            raise TransformedFormatError(
                "a column should hold one value for each example, or ids of shape [B, N] or [B, T, V], "
                f"received {self.dtype} of shape {['B', *self.shape]}"
            )
        return pa.list_(scalar if len(self.shape) == 1 else pa.list_(scalar, self.shape[1]))


def file_name(shard: int, shards: int) -> str:
    """Return the name of the file of one shard, counted from 0."""
    return f"columns-{shard:05}-of-{shards:05}.arrow"


def arrow_schema(columns: Mapping[str, Column]) -> pa.Schema:
    """Return the schema of files with these columns, ordered by name.

    Raises:
        TransformedFormatError: if a column has a type and shape that the format does not have.
    """
    fields = []
    for name in sorted(columns):
        try:
            fields.append(pa.field(name, columns[name].arrow_type()))
        except TransformedFormatError as error:
            raise TransformedFormatError(f"`{name}`: {error}") from None
    shapes = {name: list(columns[name].shape) for name in sorted(columns)}
    return pa.schema(fields, metadata={FORMAT_KEY: FORMAT, SHAPES_KEY: json.dumps(shapes).encode()})


def columns_of(schema: pa.Schema, path: str) -> dict[str, Column]:
    """Return the columns of a file, by name.

    Args:
        schema: schema of the file.
        path: path of the file, for errors.

    Raises:
        TransformedFormatError: if the file does not have this format, or a column does not have the type that its shape
            asks for.
    """
    metadata = schema.metadata or {}
    version = metadata.get(FORMAT_KEY)
    if version != FORMAT or SHAPES_KEY not in metadata:
        received = "none" if version is None else repr(version.decode(errors="replace"))
        raise TransformedFormatError(
            f"{path} should hold transformed examples of format {FORMAT.decode()!r}, received {received}"
        )
    shapes = json.loads(metadata[SHAPES_KEY])
    if sorted(shapes) != sorted(schema.names):
        raise TransformedFormatError(
            f"{path} should hold columns {sorted(shapes)}, as its metadata says, received {sorted(schema.names)}"
        )
    return {name: _column_of(schema.field(name).type, tuple(shapes[name]), name, path) for name in schema.names}


def _column_of(received: pa.DataType, shape: tuple[int, ...], name: str, path: str) -> Column:
    """Return the column of a type and a padded shape."""
    if shape:
        column = Column("int32", shape)
        expected = str(column.arrow_type())
        if received.equals(column.arrow_type()):
            return column
    else:
        expected = ", ".join(map(str, SCALAR_TYPES.values()))
        for dtype, scalar in SCALAR_TYPES.items():
            if received.equals(scalar):
                return Column(dtype)
    raise TransformedFormatError(f"column `{name}` of {path} should be {expected}, received {received}")
