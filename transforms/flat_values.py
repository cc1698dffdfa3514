"""Where a feature's values stand in a batch: as one flat list to encode, and padded again once they are ids.

Looking up the values that are there, rather than those of a padded rectangle, is most of the speed of the transform;
looking up a feature's values beside the target and along the history together keeps one table of it in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class FlatValues:
    """The values of one feature, `[N]`.

    `analyzed`: those that vocabularies and quantiles are made from, of the same kind.
    `arranged`: lays the ids of the values, int64 `[N]`, out as the feature of a model, `[B]`, `[B, V]`, ...
    """

    values: tf.Tensor
    analyzed: tf.Tensor
    arranged: Callable[[tf.Tensor], tf.Tensor]


Encoder = Callable[[tf.Tensor], tf.Tensor]
"""From values `[N]` to their ids, int64 `[N]`."""


def encode(features: Mapping[str, FlatValues], encoder: Encoder) -> dict[str, tf.Tensor]:
    """The same encoder on several features at once, by name."""
    values = [feature.values for feature in features.values()]
    parts = tf.split(encoder(tf.concat(values, axis=0)), [tf.size(part) for part in values], num=len(values))
    return {name: feature.arranged(part) for (name, feature), part in zip(features.items(), parts, strict=True)}


def single(values: tf.Tensor, is_analyzed: tf.Tensor) -> FlatValues:
    """One value an example.

    Args:
        values: [B].
        is_analyzed: bool [B], the examples that vocabularies are made from, as in all that follow.
    """
    return FlatValues(values, tf.boolean_mask(values, is_analyzed), lambda ids: tf.ensure_shape(ids, [None]))


def first_of_list(lists: tf.SparseTensor, is_analyzed: tf.Tensor, size: int) -> FlatValues:
    """Any number of texts an example, of which the first `size` are used; ids `[B, size]`, padded with 0."""
    rows = _rows(lists).with_values(lists.values)
    kept = tf.ragged.boolean_mask(rows, tf.not_equal(rows, ""))
    analyzed = tf.boolean_mask(kept.values, tf.gather(is_analyzed, kept.value_rowids()))
    counts = tf.minimum(kept.row_lengths(), size)
    return FlatValues(kept.values, analyzed, lambda ids: padded(ids, kept.row_starts(), counts, size))


def newest_of_history(history: tf.SparseTensor, is_analyzed: tf.Tensor, length: int) -> FlatValues:
    """One value a behaviour, of which the newest `length` are used; ids `[B, length]`, oldest to newest, padded with 0.

    Only the newest of each history is analyzed: every behaviour is once the newest of its user's next example, so that
    each counts once rather than once for every example that remembers it.
    """
    rows = _rows(history)
    newest = tf.gather(history.values, _newest(rows, is_analyzed))
    return FlatValues(history.values, newest, lambda ids: _newest_padded(ids, rows, length))


def newest_of_list_history(
    history: tf.SparseTensor, is_analyzed: tf.Tensor, separator: str, size: int, length: int
) -> FlatValues:
    """One joined text of values a behaviour, split here; ids `[B, length, size]`, padded with 0 on both axes.

    Args:
        history: joined texts.
        is_analyzed: see `single`; as in `newest_of_history` only the newest behaviour is analyzed.
        separator: between the values of a text.
        size: how many values of a behaviour are used, the first.
        length: how many behaviours are used, the newest.
    """
    rows = _rows(history)
    # Lists repeat from behaviour to behaviour, and splitting costs more than finding the different ones.
    texts, which = tf.unique(history.values, out_idx=tf.int64)
    lists = tf.strings.split(texts, separator)
    lists = tf.ragged.boolean_mask(lists, tf.not_equal(lists, ""))
    newest = tf.gather(lists, tf.gather(which, _newest(rows, is_analyzed)))
    counts = tf.minimum(lists.row_lengths(), size)

    def arranged(ids: tf.Tensor) -> tf.Tensor:
        by_text = padded(ids, lists.row_starts(), counts, size)
        return _newest_padded(tf.gather(by_text, which), rows, length)

    return FlatValues(lists.values, newest.values, arranged)


def padded(flat: tf.Tensor, starts: tf.Tensor, counts: tf.Tensor, length: int) -> tf.Tensor:
    """Rows of a flat tensor, one beside the other, with zeros after the end of each.

    Args:
        flat: [N, ...].
        starts: int64 [B], where each row begins.
        counts: int64 [B], how many values it takes, at most `length`.
        length: of a row.

    Returns:
        [B, length, ...] of the same type.
    """
    steps = tf.range(length, dtype=tf.int64)
    there = steps < counts[:, tf.newaxis]
    # One row of zeros goes before all others, for what is not there.
    position = tf.where(there, starts[:, tf.newaxis] + steps + 1, 0)
    with_zeros = tf.concat([tf.zeros([1, *flat.shape[1:]], flat.dtype), flat], axis=0)
    return tf.ensure_shape(tf.gather(with_zeros, position), [None, length, *flat.shape[1:]])


def _rows(sparse: tf.SparseTensor) -> tf.RaggedTensor:
    """As ragged rows of positions in `sparse.values`."""
    count = tf.size(sparse.values, out_type=tf.int64)
    return tf.RaggedTensor.from_value_rowids(
        tf.range(count), sparse.indices[:, 0], nrows=sparse.dense_shape[0], validate=False
    )


def _newest(rows: tf.RaggedTensor, is_analyzed: tf.Tensor) -> tf.Tensor:
    """Positions of the newest value of each row that has any and is analyzed."""
    return tf.boolean_mask(rows.row_limits() - 1, (rows.row_lengths() > 0) & is_analyzed)


def _newest_padded(ids: tf.Tensor, rows: tf.RaggedTensor, length: int) -> tf.Tensor:
    counts = tf.minimum(rows.row_lengths(), length)
    return padded(ids, rows.row_limits() - counts, counts, length)
