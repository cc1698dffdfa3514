"""Where a feature's values stand in a batch: as one flat list to encode, and padded again once they are ids.

Looking up the values that are there, rather than those of a padded rectangle, is most of the speed of the transform;
looking up a feature's values beside the target and along the history together keeps one table of it in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import tensorflow as tf

Encoder = Callable[[tf.Tensor], tf.Tensor]
"""From values `[N]` to their ids, int64 `[N]`."""


@dataclass(frozen=True)
class FlatValues:
    """The values of one feature, `[N]`.

    `analyzed`: gives those that vocabularies and quantiles are made from, of the same kind. Called only where they are
    needed, as operations that nothing needs cost time too.
    `arranged`: lays the ids of the values, int64 `[N]`, out as the feature of a model, `[B]`, `[B, V]`, ...
    """

    values: tf.Tensor
    analyzed: Callable[[], tf.Tensor]
    arranged: Callable[[tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class Rows:
    """Which flat values are in which row: those from `starts` to `limits`, int64 `[B]` both."""

    starts: tf.Tensor
    limits: tf.Tensor

    @classmethod
    def of(cls, row_of_value: tf.Tensor, count: tf.Tensor) -> Rows:
        """Of `count` rows, from the row of each value, int64 `[N]`, ascending."""
        borders = tf.searchsorted(row_of_value, tf.range(count + 1), out_type=tf.int64)
        return cls(borders[:-1], borders[1:])

    def first(self, size: int) -> Rows:
        return Rows(self.starts, tf.minimum(self.limits, self.starts + size))

    def last(self, size: int) -> Rows:
        return Rows(tf.maximum(self.starts, self.limits - size), self.limits)

    def newest(self, is_analyzed: tf.Tensor | None) -> tf.Tensor:
        """Positions of the last value of each row that has any and is analyzed."""
        wanted = self.limits > self.starts
        return chosen(self.limits - 1, wanted if is_analyzed is None else wanted & is_analyzed)


def encode(features: Mapping[str, FlatValues], encoder: Encoder) -> dict[str, tf.Tensor]:
    """The same encoder on several features at once, by name."""
    if len(features) == 1:
        return {name: feature.arranged(encoder(feature.values)) for name, feature in features.items()}
    values = [feature.values for feature in features.values()]
    parts = tf.split(encoder(tf.concat(values, axis=0)), [tf.size(part) for part in values], num=len(values))
    return {name: feature.arranged(part) for (name, feature), part in zip(features.items(), parts, strict=True)}


def chosen(values: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """The values where `mask` holds; all of them where there is none."""
    return values if mask is None else tf.gather(values, tf.where(mask)[:, 0])


def single(values: tf.Tensor, is_analyzed: tf.Tensor | None) -> FlatValues:
    """One value an example.

    Args:
        values: [B].
        is_analyzed: bool [B], the examples that vocabularies are made from, as in all that follow; None for all.
    """
    return FlatValues(values, lambda: chosen(values, is_analyzed), lambda ids: tf.ensure_shape(ids, [None]))


def first_of_list(lists: tf.SparseTensor, is_analyzed: tf.Tensor | None, size: int) -> FlatValues:
    """Any number of texts an example, of which the first `size` are used; ids `[B, size]`, padded with 0."""
    there = tf.not_equal(lists.values, "")
    values, row = chosen(lists.values, there), chosen(lists.indices[:, 0], there)
    rows = Rows.of(row, lists.dense_shape[0]).first(size)

    def analyzed() -> tf.Tensor:
        return values if is_analyzed is None else chosen(values, tf.gather(is_analyzed, row))

    return FlatValues(values, analyzed, lambda ids: padded(ids, rows, size))


def newest_of_history(history: tf.SparseTensor, is_analyzed: tf.Tensor | None, length: int) -> FlatValues:
    """One value a behaviour, of which the newest `length` are used; ids `[B, length]`, oldest to newest, padded with 0.

    Only the newest of each history is analyzed: every behaviour is once the newest of its user's next example, so that
    each counts once rather than once for every example that remembers it.
    """
    rows = Rows.of(history.indices[:, 0], history.dense_shape[0])
    return FlatValues(
        history.values,
        lambda: tf.gather(history.values, rows.newest(is_analyzed)),
        lambda ids: padded(ids, rows.last(length), length),
    )


def newest_of_list_history(
    history: tf.SparseTensor, is_analyzed: tf.Tensor | None, separator: str, size: int, length: int
) -> FlatValues:
    """One joined text of values a behaviour, split here; ids `[B, length, size]`, padded with 0 on both axes.

    Args:
        history: joined texts.
        is_analyzed: see `single`; as in `newest_of_history` only the newest behaviour is analyzed.
        separator: between the values of a text.
        size: how many values of a behaviour are used, the first.
        length: how many behaviours are used, the newest.
    """
    rows = Rows.of(history.indices[:, 0], history.dense_shape[0])
    # Lists repeat from behaviour to behaviour, and splitting costs more than finding the different ones.
    texts, which = tf.unique(history.values, out_idx=tf.int64)
    lists = tf.strings.split(texts, separator)
    lists = tf.ragged.boolean_mask(lists, tf.not_equal(lists, ""))
    lists_rows = Rows(lists.row_starts(), lists.row_limits()).first(size)

    def arranged(ids: tf.Tensor) -> tf.Tensor:
        return padded(tf.gather(padded(ids, lists_rows, size), which), rows.last(length), length)

    return FlatValues(
        lists.values, lambda: tf.gather(lists, tf.gather(which, rows.newest(is_analyzed))).values, arranged
    )


def padded(flat: tf.Tensor, rows: Rows, length: int) -> tf.Tensor:
    """Rows of a flat tensor, one under the other, with zeros after the end of each.

    Args:
        flat: [N, ...].
        rows: B of at most `length` values each.
        length: of a row.

    Returns:
        [B, length, ...] of the same type.
    """
    # One value of zeros goes before all others, for what is not there.
    position = rows.starts[:, tf.newaxis] + tf.range(1, length + 1, dtype=tf.int64)
    position = tf.where(position <= rows.limits[:, tf.newaxis], position, 0)
    with_zeros = tf.pad(flat, [[1, 0], *([0, 0] for _ in flat.shape[1:])])
    return tf.ensure_shape(tf.gather(with_zeros, position), [None, length, *flat.shape[1:]])
