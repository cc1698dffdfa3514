"""Write tensors of transformed examples as Arrow columns."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

import numpy as np
import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from interestflow.transforms.transformed.format import (
    BATCH_ROWS,
    COMPRESSION,
    Column,
    TransformedFormatError,
    arrow_schema,
)

INT32 = np.iinfo(np.int32)


class ColumnFile:
    """One file of transformed examples, written batch by batch; it appears under its name only once it is complete.

    Args:
        path: path, local or on any file system that Beam writes to.
        columns: columns by name.

    Example:
        with ColumnFile("columns-00000-of-00001.arrow", {"item": Column("int32")}) as file:
            file.write({"item": np.array([1, 2])})
    """

    def __init__(self, path: str, columns: Mapping[str, Column]) -> None:
        """Open the file under a temporary name."""
        self.path = path
        self.examples = 0
        self._columns = columns
        self._schema = arrow_schema(columns)
        self._unfinished = f"{path}.unfinished"
        self._file = FileSystems.create(self._unfinished, compression_type=CompressionTypes.UNCOMPRESSED)
        options = pa.ipc.IpcWriteOptions(compression=COMPRESSION)
        self._writer = pa.ipc.new_file(self._file, self._schema, options=options)

    def write(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Append examples, given as padded tensors with the batch first, by name.

        Raises:
            TransformedFormatError: if an id does not fit 32 bits, or a tensor has another shape than its column.
        """
        arrays = [_to_array(name, tensors[name], self._columns[name]) for name in self._schema.names]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        self.examples += batch.num_rows
        for start in range(0, batch.num_rows, BATCH_ROWS):
            self._writer.write_batch(batch.slice(start, BATCH_ROWS))

    def __enter__(self) -> ColumnFile:
        """Return the file."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file and give it its name, or delete it after an error."""
        try:
            if kind is None:
                self._writer.close()
        finally:
            self._file.close()
        if kind is None:
            FileSystems.rename([self._unfinished], [self.path])
        else:
            FileSystems.delete([self._unfinished])


def _to_array(name: str, tensor: np.ndarray, column: Column) -> pa.Array:
    """Convert a tensor to the column's type, without padding."""
    if tensor.shape[1:] != column.shape:
        raise TransformedFormatError(
            f"`{name}` should have shape {['B', *column.shape]}, received {['B', *tensor.shape[1:]]}"
        )
    if column.dtype == "binary":
        return pa.array(tensor, pa.binary())
    if column.dtype == "float32":
        return pa.array(tensor.astype(np.float32, copy=False))
    if not column.shape:
        return pa.array(_to_int32(name, tensor))
    offsets, flat = _without_padding(tensor)
    values = pa.array(_to_int32(name, flat).reshape(-1))
    if len(column.shape) == 2:
        values = pa.FixedSizeListArray.from_arrays(values, column.shape[1])
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def _without_padding(tensor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the offsets of each row's values, int32 `[B + 1]`, and the values `[N]` or `[N, V]`, zeros at ends cut."""
    is_used = tensor != 0
    if tensor.ndim == 3:
        is_used = is_used.any(axis=2)
    length = tensor.shape[1]
    lengths = length - np.argmax(is_used[:, ::-1], axis=1)
    lengths[~is_used.any(axis=1)] = 0
    offsets = np.zeros(len(tensor) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return offsets, tensor[np.arange(length) < lengths[:, np.newaxis]]


def _to_int32(name: str, values: np.ndarray) -> np.ndarray:
    """Return ids as int32.

    Raises:
        TransformedFormatError: if one does not fit.
    """
    if values.dtype == np.int32 or values.size == 0:
        return values.astype(np.int32, copy=False)
    for value in (values.min(), values.max()):
        if not INT32.min <= value <= INT32.max:
            raise TransformedFormatError(f"`{name}` should hold ids of 32 bits, received {value}")
    return values.astype(np.int32)
