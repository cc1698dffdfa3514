"""Variables in files of TensorFlow's checkpoint format, written and read in parts so that none is in memory twice.

A variable larger than a part is stored as slices of its first axis. Such a file is an ordinary checkpoint, which
`tf.train.load_checkpoint` and TensorFlow's restore operations read too, slices or not.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import tensorflow as tf

PART_BYTES = 2**26
"""Largest part in bytes. glibc returns blocks above 32 MB to the system at once, so that reading leaves nothing."""
DIVISIBLE = (tf.float32, tf.float64)
"""Types of tables and slots; of some others TensorFlow restores no slices."""
SUFFIXES = (".index", ".data-")
"""How the names of a checkpoint's files go on after its prefix."""


class VariableFileError(Exception):
    """A checkpoint that does not hold the variables; the message says why."""


@dataclass(frozen=True)
class _Part:
    """Rows `start` to `stop` of a variable, or all of it.

    Attributes:
        name: Name of the variable in the checkpoint.
        variable: The variable.
        rows: First row and the row after the last; None for a variable that is one part.
    """

    name: str
    variable: tf.Variable
    rows: tuple[int, int] | None

    @property
    def slice_spec(self) -> str:
        """Position within the whole variable, as TensorFlow's save operations take it."""
        if self.rows is None:
            return ""
        start, stop = self.rows
        shape = self.variable.shape.as_list()
        rest = "".join(":-" for _ in shape[1:])
        return f"{' '.join(map(str, shape))} {start},{stop - start}{rest}"

    def read(self) -> tf.Tensor:
        """Return the values; of rows, a copy of these alone."""
        if self.rows is None:
            return self.variable.read_value()
        (variable, *_) = _components(self.variable)
        indices = tf.range(*self.rows)
        return tf.raw_ops.ResourceGather(resource=variable.handle, indices=indices, dtype=variable.dtype)

    def assign(self, values: tf.Tensor) -> None:
        """Set the values; rows are written where they are, so that the variable keeps its memory."""
        if self.rows is None:
            self.variable.assign(values)
            return
        for variable in _components(self.variable):
            indices = tf.range(*self.rows)
            tf.raw_ops.ResourceScatterUpdate(resource=variable.handle, indices=indices, updates=values)


def write_variables(prefix: str, variables: Mapping[str, tf.Variable], **texts: str) -> None:
    """Write variables and texts to the checkpoint `prefix`, which is complete as soon as its index is there.

    Args:
        prefix: Path of the checkpoint without a suffix, on a local disk; files of it that exist are replaced.
        variables: Variables by name.
        texts: Texts by name.
    """
    temporary = f"{prefix}.unfinished"
    shutil.rmtree(temporary, ignore_errors=True)
    remove_variables(prefix)
    os.makedirs(temporary)
    parts = _parts(variables)
    whole = {part.name: part.read() for part in parts if part.rows is None}
    whole |= {name: tf.constant(text) for name, text in texts.items()}
    prefixes = []
    if whole:
        prefixes.append(f"{temporary}/whole")
        _save(prefixes[0], list(whole), [""] * len(whole), list(whole.values()))
    for index, part in enumerate(part for part in parts if part.rows is not None):
        prefixes.append(f"{temporary}/part-{index}")
        _save(prefixes[-1], [part.name], [part.slice_spec], [part.read()])
    # Data files are renamed, and the index is written last.
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=prefixes, destination_prefix=prefix, delete_old_dirs=False)
    shutil.rmtree(temporary, ignore_errors=True)


def read_variables(prefix: str, variables: Mapping[str, tf.Variable]) -> None:
    """Set variables to the values in the checkpoint `prefix`, part by part and where the variables are.

    A checkpoint that does not fit is found before the first variable changes: everything is read once to check it.

    Args:
        prefix: Path of the checkpoint without a suffix.
        variables: Variables by the names that `write_variables` was given; the checkpoint may hold more.

    Raises:
        VariableFileError: If a variable is missing, has another shape or type, or cannot be read; none has changed.
    """
    check_variables(prefix, variables)
    for part in _parts(variables):
        part.assign(_restore(prefix, part.name, part.slice_spec, part.variable.dtype))


def check_variables(prefix: str, variables: Mapping[str, tf.Variable]) -> None:
    """Read every part of the variables in the checkpoint `prefix` and keep none.

    Raises:
        VariableFileError: If a variable is missing, has another shape or type, or cannot be read.
    """
    try:
        reader = tf.train.load_checkpoint(prefix)
        shapes, types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
        for name, variable in variables.items():
            expected = (variable.shape.as_list(), variable.dtype)
            received = (shapes.get(name), types.get(name))
            if received != expected:
                raise VariableFileError(f"`{name}` should have the shape and type {expected}, received {received}")
        for part in _parts(variables):
            _restore(prefix, part.name, part.slice_spec, part.variable.dtype)
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        raise VariableFileError(str(error).splitlines()[0]) from error


def read_text(prefix: str, name: str) -> str:
    """Return a text of the checkpoint `prefix`.

    Raises:
        VariableFileError: If there is no such text, or it cannot be read.
    """
    try:
        text: str = tf.train.load_checkpoint(prefix).get_tensor(name).decode()
    except (tf.errors.OpError, RuntimeError, ValueError, AttributeError) as error:
        raise VariableFileError(str(error).splitlines()[0]) from error
    return text


def remove_variables(prefix: str) -> None:
    """Remove the files of the checkpoint `prefix`, the index first, so that no rest looks complete."""
    for path in sorted(variable_files(prefix), key=lambda path: not path.endswith(SUFFIXES[0])):
        os.remove(path)


def variable_files(prefix: str) -> Iterator[str]:
    """Return the paths of the files of the checkpoint `prefix`."""
    folder, start = os.path.split(prefix)
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else ()
    return (os.path.join(folder, name) for name in names if name.startswith(tuple(f"{start}{end}" for end in SUFFIXES)))


def _parts(variables: Mapping[str, tf.Variable]) -> list[_Part]:
    return [part for name, variable in variables.items() for part in _parts_of(name, variable)]


def _parts_of(name: str, variable: tf.Variable) -> Iterator[_Part]:
    """Divide a variable into parts of at most `PART_BYTES`, or of a single row where that is larger."""
    shape = variable.shape.as_list()
    if not shape or variable.dtype not in DIVISIBLE or variable.dtype.size * math.prod(shape) <= PART_BYTES:
        yield _Part(name, variable, None)
        return
    rows = max(1, PART_BYTES // (variable.dtype.size * math.prod(shape[1:])))
    for start in range(0, shape[0], rows):
        yield _Part(name, variable, (start, min(start + rows, shape[0])))


def _components(variable: tf.Variable) -> tuple[tf.Variable, ...]:
    """Return the variables of all replicas, or the variable itself where there is one."""
    return tuple(getattr(variable, "values", (variable,)))


def _save(prefix: str, names: list[str], slice_specs: list[str], tensors: list[tf.Tensor]) -> None:
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=names, shape_and_slices=slice_specs, tensors=tensors)


def _restore(prefix: str, name: str, slice_spec: str, dtype: tf.DType) -> tf.Tensor:
    (tensor,) = tf.raw_ops.RestoreV2(prefix=prefix, tensor_names=[name], shape_and_slices=[slice_spec], dtypes=[dtype])
    return tensor
