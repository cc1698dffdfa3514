"""Lookup of embeddings in a variable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import keras
from keras import ops

from interestflow.models.tensor import Tensor

_replaced: dict[int, Callable[[Tensor | int], Tensor]] = {}


@contextmanager
def replace_lookups(lookups: Sequence[tuple[keras.Variable, Callable[[Tensor | int], Tensor]]]) -> Iterator[None]:
    """Let `gather_rows` look up tables elsewhere inside the context, such as in a compact copy that is served.

    Args:
        lookups: variables [rows, ...], each with the function of ids [...] to embeddings [..., ...] that replaces it.
    """
    global _replaced
    before = _replaced
    _replaced = before | {id(table): lookup for table, lookup in lookups}
    try:
        yield
    finally:
        _replaced = before


def gather_rows(table: keras.Variable, ids: Tensor | int) -> Tensor:
    """Return the embeddings of `ids`.

    On TensorFlow `ops.take` would read the whole variable first, which copies it once some of its rows are updated.

    Args:
        table: variable [rows, ...].
        ids: integers [...] from 0 to `rows - 1`, of any shape.

    Returns:
        [..., ...], in the dtype of the table.

    Example:

    >>> np.asarray(gather_rows(keras.Variable([[0.0, 0.0], [1.0, 2.0]]), ops.array([1, 0])))
    array([[1., 2.],
           [0., 0.]], dtype=float32)
    """
    if id(table) in _replaced:
        return _replaced[id(table)](ids)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.gather(table.value, ids)
    return ops.take(table, ids, axis=0)
