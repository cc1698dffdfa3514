"""Values of a feature in a batch: one flat list while they are encoded, padded again once they are ids.

Looking up only the present values, and not those of a padded rectangle, accounts for most of the transform's speed.
Looking up the values of the target and of the history together keeps a single copy of their vocabulary in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import tensorflow as tf

Encoder = Callable[[tf.Tensor], tf.Tensor]
"""Function from values `[N]` to their ids, int64 `[N]`."""


@dataclass(frozen=True)
class FlatValues:
    """The values of one feature.

    Attributes:
        values: `[N]`.
        analyzed: function that returns the values, of the same type, from which vocabularies and quantiles are
            computed. It is called only if they are needed, since unused operations cost time too.
        arrange: function that arranges the ids of the values, int64 `[N]`, as the feature of a model, `[B]`,
            `[B, V]`, ...
    """

    values: tf.Tensor
    analyzed: Callable[[], tf.Tensor]
    arrange: Callable[[tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class Rows:
    """The flat values of each row: those from `starts` to `limits`, both int64 `[B]`."""

    starts: tf.Tensor
    limits: tf.Tensor

    @classmethod
    def from_indices(cls, row_of_value: tf.Tensor, count: tf.Tensor) -> Rows:
        """Return `count` rows, given the row of each value, int64 `[N]` ascending."""
        borders = tf.searchsorted(row_of_value, tf.range(count + 1), out_type=tf.int64)
        return cls(borders[:-1], borders[1:])

    def first(self, size: int) -> Rows:
        """Return the first `size` values of each row."""
        return Rows(self.starts, tf.minimum(self.limits, self.starts + size))

    def last(self, size: int) -> Rows:
        """Return the last `size` values of each row."""
        return Rows(tf.maximum(self.starts, self.limits - size), self.limits)

    def newest(self, is_analyzed: tf.Tensor | None) -> tf.Tensor:
        """Return the position of the last value of each row that is not empty and is analyzed."""
        is_used = self.limits > self.starts
        return select_values(self.limits - 1, is_used if is_analyzed is None else is_used & is_analyzed)


def encode(features: Mapping[str, FlatValues], encoder: Encoder) -> dict[str, tf.Tensor]:
    """Encode several features in one call of the encoder, and return their ids by name."""
    if len(features) == 1:
        return {name: feature.arrange(encoder(feature.values)) for name, feature in features.items()}
    values = [feature.values for feature in features.values()]
    parts = tf.split(encoder(tf.concat(values, axis=0)), [tf.size(part) for part in values], num=len(values))
    return {name: feature.arrange(part) for (name, feature), part in zip(features.items(), parts, strict=True)}


def select_values(values: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """Return the values where `mask` is true; all values if there is no mask."""
    return values if mask is None else tf.gather(values, tf.where(mask)[:, 0])


def single_value(values: tf.Tensor, is_analyzed: tf.Tensor | None) -> FlatValues:
    """Return the values of a feature with one value for each example.

    Args:
        values: [B].
        is_analyzed: bool [B], the examples from which vocabularies are built; None for all. The functions below have
            the same argument.
    """
    return FlatValues(values, lambda: select_values(values, is_analyzed), lambda ids: tf.ensure_shape(ids, [None]))


def first_of_list(lists: tf.SparseTensor, is_analyzed: tf.Tensor | None, size: int) -> FlatValues:
    """Return the values of a feature with any number of texts; the first `size` are used.

    The ids are `[B, size]`, padded with 0.
    """
    is_present = tf.not_equal(lists.values, "")
    values, row = select_values(lists.values, is_present), select_values(lists.indices[:, 0], is_present)
    rows = Rows.from_indices(row, lists.dense_shape[0]).first(size)

    def analyzed() -> tf.Tensor:
        return values if is_analyzed is None else select_values(values, tf.gather(is_analyzed, row))

    return FlatValues(values, analyzed, lambda ids: pad_rows(ids, rows, size))


def newest_of_history(history: tf.SparseTensor, is_analyzed: tf.Tensor | None, length: int) -> FlatValues:
    """Return the values of a feature along the history; the newest `length` behaviours are used.

    The ids are `[B, length]`, oldest to newest, padded with 0. Only the newest behaviour of each history is analyzed:
    every behaviour is the newest one in its user's next example, so it counts once, and not once for every example
    whose history holds it.
    """
    rows = Rows.from_indices(history.indices[:, 0], history.dense_shape[0])
    return FlatValues(
        history.values,
        lambda: tf.gather(history.values, rows.newest(is_analyzed)),
        lambda ids: pad_rows(ids, rows.last(length), length),
    )


def newest_of_list_history(
    history: tf.SparseTensor, is_analyzed: tf.Tensor | None, separator: str, size: int, length: int
) -> FlatValues:
    """Return the values of a list-valued feature along the history, whose raw values are joined texts.

    The ids are `[B, length, size]`, padded with 0 on both axes.

    Args:
        history: one text for each behaviour.
        is_analyzed: see `single_value`; as in `newest_of_history`, only the newest behaviour is analyzed.
        separator: separator of the values in a text.
        size: number of values of a behaviour that are used, the first ones.
        length: number of behaviours that are used, the newest ones.
    """
    rows = Rows.from_indices(history.indices[:, 0], history.dense_shape[0])
    # Lists repeat from behaviour to behaviour, and splitting costs more than finding the distinct ones.
    texts, text_index = tf.unique(history.values, out_idx=tf.int64)
    lists = tf.strings.split(texts, separator)
    lists = tf.ragged.boolean_mask(lists, tf.not_equal(lists, ""))
    list_rows = Rows(lists.row_starts(), lists.row_limits()).first(size)

    def arrange(ids: tf.Tensor) -> tf.Tensor:
        return pad_rows(tf.gather(pad_rows(ids, list_rows, size), text_index), rows.last(length), length)

    return FlatValues(
        lists.values, lambda: tf.gather(lists, tf.gather(text_index, rows.newest(is_analyzed))).values, arrange
    )


def pad_rows(flat: tf.Tensor, rows: Rows, length: int) -> tf.Tensor:
    """Stack the rows of a flat tensor, with zeros after the end of each.

    Args:
        flat: [N, ...].
        rows: B rows of at most `length` values each.
        length: length of a padded row.

    Returns:
        [B, length, ...] of the same type.
    """
    # A row of zeros is put before all others; padding refers to it.
    position = rows.starts[:, tf.newaxis] + tf.range(1, length + 1, dtype=tf.int64)
    position = tf.where(position <= rows.limits[:, tf.newaxis], position, 0)
    with_zeros = tf.pad(flat, [[1, 0], *([0, 0] for _ in flat.shape[1:])])
    return tf.ensure_shape(tf.gather(with_zeros, position), [None, length, *flat.shape[1:]])
