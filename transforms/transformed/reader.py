"""Read transformed examples: Arrow columns on the local disk, a mounted volume, gs:// or s3://."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import pyarrow as pa

from interestflow import storage
from interestflow.transforms.reading.files import TableError, first_line, open_file
from interestflow.transforms.transformed.format import Column, TransformedFormatError, columns_of

UNFINISHED = ".unfinished"
"""End of the name of a file that is not complete."""


class ColumnReader:
    """One open file of transformed examples, of which only the columns asked for are read and decompressed.

    Attributes:
        path: path of the file.
        columns: all columns of the file by name.
        batches: number of record batches.
    """

    def __init__(self, path: str, source: pa.NativeFile) -> None:
        """Read and check the schema; `open_columns` is the way to construct this."""
        self.path = path
        self._source = source
        try:
            reader = pa.ipc.open_file(source)
            self._schema, self.batches = reader.schema, reader.num_record_batches
        except (pa.ArrowException, OSError) as error:
            raise TransformedFormatError(f"{path} cannot be read as an Arrow file: {first_line(error)}") from None
        self.columns = columns_of(self._schema, path)

    def check(self, expected: Mapping[str, Column]) -> None:
        """Check that the file has the columns `expected`; it may have others.

        Raises:
            TransformedFormatError: if a column is missing or has another type or shape.
        """
        for name, column in expected.items():
            received = self.columns.get(name)
            if received is None:
                raise TransformedFormatError(
                    f"{self.path} should have a column `{name}`, received {', '.join(self.columns)}"
                )
            if received != column:
                raise TransformedFormatError(
                    f"column `{name}` of {self.path} should be {column.dtype} of shape {list(column.shape)}, "
                    f"received {received.dtype} of shape {list(received.shape)}"
                )

    def read(self, batch: int, names: Sequence[str]) -> pa.RecordBatch:
        """Return the columns `names` of one record batch, in the order of the file.

        Raises:
            TransformedFormatError: if the file is damaged.
        """
        return next(self._read([batch], names))

    def read_all(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the columns `names` of every record batch; errors are those of `read`."""
        return self._read(range(self.batches), names)

    def _read(self, batches: Sequence[int], names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the columns `names` of some record batches."""
        positions = [self._schema.get_field_index(name) for name in names]
        # Threads of the caller each read a record batch; Arrow's own threads would only compete with them.
        options = pa.ipc.IpcReadOptions(included_fields=positions, use_threads=False)
        try:
            reader = pa.ipc.open_file(self._source, options=options)
            for batch in batches:
                yield reader.get_batch(batch)
        except (pa.ArrowException, OSError) as error:
            raise TransformedFormatError(f"{self.path} is damaged: {first_line(error)}") from None


@contextmanager
def open_columns(path: str) -> Iterator[ColumnReader]:
    """Open a file of transformed examples: mapped into memory where it is local, by ranges where it is in a store.

    Raises:
        TransformedFormatError: if it cannot be read, or does not have the format.
    """
    with ExitStack() as stack:
        try:
            if storage.is_remote(path):
                file = stack.enter_context(open_file(path, seekable=True))
                source = stack.enter_context(pa.PythonFile(file, mode="r"))
            else:
                source = stack.enter_context(pa.memory_map(path))
        except TableError as error:
            raise TransformedFormatError(str(error)) from None
        except Exception as error:  # each file system raises exceptions of its own
            raise TransformedFormatError(f"{path} cannot be read: {first_line(error)}") from None
        yield ColumnReader(path, source)


def matching_files(patterns: Sequence[str]) -> list[str]:
    """Return the files that match, sorted, so that their order never depends on the file system.

    Files that are still being written, or that a killed writer left, are none of them.

    Args:
        patterns: places whose last part may hold wildcards, such as `s3://bucket/Split-train/*`.

    Raises:
        interestflow.storage.StorageError: if a folder cannot be listed.
    """
    files = []
    for pattern in patterns:
        folder, _, name_pattern = pattern.rpartition("/")
        names = storage.child_names(folder or ("/" if pattern.startswith("/") else "."))
        prefix = f"{folder}/" if "/" in pattern else ""
        files += [prefix + name for name in fnmatch.filter(names, name_pattern) if not name.endswith(UNFINISHED)]
    return sorted(files)


def read_batch(path: str, batch: int, names: Sequence[str]) -> pa.RecordBatch:
    """Return the columns `names` of one record batch of a file; errors are those of `open_columns`."""
    with open_columns(path) as file:
        return file.read(batch, names)


def padded_tensor(values: pa.Array, column: Column) -> np.ndarray:
    """Return a column of a record batch as the tensor it was written from: int32, float32 or object (bytes) `[B, ...]`.

    Args:
        values: the column.
        column: its type and padded shape.
    """
    if not column.shape:
        return values.to_numpy(zero_copy_only=False)
    offsets, flat = list_values(values)
    tensor = np.zeros((len(values), *column.shape), np.int32)
    rows = np.repeat(np.arange(len(values)), np.diff(offsets))
    tensor[rows, np.arange(len(flat)) - offsets[rows]] = flat
    return tensor


def list_values(values: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the offsets of a list column's rows, `[B + 1]` from 0, and the values of all rows, `[M]` or `[M, V]`."""
    offsets = values.offsets.to_numpy()
    flat = values.values.slice(offsets[0], offsets[-1] - offsets[0])
    if pa.types.is_fixed_size_list(flat.type):
        return offsets - offsets[0], flat.flatten().to_numpy().reshape(len(flat), flat.type.list_size)
    return offsets - offsets[0], flat.to_numpy()
