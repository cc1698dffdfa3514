"""From values to what a model reads: ids of categories, buckets of numbers and times, numbers around zero.

Every id starts at 1; 0 stands for a value that is missing and for padding.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft

from interestflow.transforms.config import AttributeConfig, IdentityConfig
from interestflow.transforms.encoding.flat_values import Encoder, chosen

HISTORY_AGE_BUCKETS = 32
"""Rows of the table of `history_age`: padding, and buckets 1 to 31."""
QUANTILE_ERROR = 0.001
"""By how much the share of values below a quantile may be off."""


def identity_encoder(config: IdentityConfig, name: str, analyzed: tf.Tensor) -> Encoder:
    """Texts to ids: by a vocabulary, or hashed where `hash_buckets` is set; "" is 0.

    Ids of a vocabulary run from the most frequent value to the rarest (equally frequent ones from last to first by
    their bytes), then the out-of-vocabulary buckets, into which unknown values are hashed. A value with a line break
    in it counts as unknown, since a vocabulary is a file of lines.

    Args:
        config: of the id or attribute.
        name: of the vocabulary.
        analyzed: string [N], what the vocabulary is made from.
    """
    if config.hash_buckets is not None:
        buckets = config.hash_buckets
        return lambda values: _unless_empty(values, tft.hash_strings(values, buckets))
    minimum = config.min_count if config.min_count > 1 else None
    vocabulary = tft.vocabulary(
        analyzed, top_k=config.vocabulary_size, frequency_threshold=minimum, vocab_filename=name
    )
    return lambda values: _unless_empty(
        values, tft.apply_vocabulary(values, vocabulary, num_oov_buckets=config.out_of_vocabulary_buckets)
    )


def identity_rows(config: IdentityConfig, vocabulary_size: int | None) -> int:
    """Rows of the table that the ids of `identity_encoder` address, padding's row 0 included.

    Args:
        config: of the id or attribute.
        vocabulary_size: how many values are known; None where values are hashed.
    """
    if config.hash_buckets is not None:
        return config.hash_buckets + 1
    assert vocabulary_size is not None
    return vocabulary_size + config.out_of_vocabulary_buckets + 1


def bucket_encoder(config: AttributeConfig, analyzed: tf.Tensor) -> Encoder:
    """Numbers to buckets: 1 below the first boundary, one more from each boundary on; 0 for what is no finite number.

    Args:
        config: with `boundaries` or `quantiles`.
        analyzed: float32 [N], what quantiles are made from.
    """
    if config.boundaries is not None:
        boundaries = tf.constant(config.boundaries, tf.float32)
    else:
        assert config.quantiles is not None
        finite = chosen(analyzed, tf.math.is_finite(analyzed))
        boundaries = tf.reshape(tft.quantiles(finite, config.quantiles, QUANTILE_ERROR), [-1])
    return lambda values: tf.where(tf.math.is_finite(values), _buckets(boundaries, values), 0)


def bucket_rows(config: AttributeConfig) -> int:
    """Rows of the table that the buckets of `bucket_encoder` address, row 0 included."""
    return (config.quantiles if config.boundaries is None else len(config.boundaries) + 1) + 1  # type: ignore[operator]


def age_buckets(seconds: tf.Tensor) -> tf.Tensor:
    """Whole seconds, int64 `[N]`, to the number of their binary digits plus 1, at most 31.

    So 1 for 0 s (and for less), 2 for 1 s, 3 for 2 and 3 s, 4 for 4 to 7 s, ... 31 from 2**29 s (17 years) on.
    Computed in whole numbers, so that powers of two fall where they should. The semantic-temporal models' log2 buckets.
    """
    powers = tf.constant([2**power for power in range(HISTORY_AGE_BUCKETS - 2)], tf.int64)
    return _buckets(powers, seconds)


def standardized(values: tf.Tensor, analyzed: tf.Tensor) -> tf.Tensor:
    """Numbers less their mean, by their standard deviation; 0, the mean, for what is no finite number.

    Args:
        values: float32 [N].
        analyzed: float32 [M], what mean and deviation are of, values that are not finite left out.
    """
    finite = chosen(analyzed, tf.math.is_finite(analyzed))
    mean, variance = tft.mean(finite), tft.var(finite)
    known = tf.where(tf.math.is_finite(values), values, mean)
    return tf.math.divide_no_nan(known - mean, tf.sqrt(variance))


def _buckets(boundaries: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    return tf.searchsorted(boundaries, values, side="right", out_type=tf.int64) + 1


def _unless_empty(values: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.equal(values, ""), tf.constant(0, tf.int64), ids + 1)
