"""Encoders of raw values: ids of categories, buckets of numbers and times, standardized numbers.

Every id starts at 1; 0 stands for a missing value and for padding.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft

from interestflow.transforms.config import AttributeConfig, IdentityConfig
from interestflow.transforms.encoding.flat_values import Encoder, select_values

HISTORY_AGE_BUCKETS = 32
"""Ids of `history_age`: padding, and buckets 1 to 31."""
QUANTILE_ERROR = 0.001
"""Error allowed in the share of values below a quantile."""


def identity_encoder(config: IdentityConfig, name: str, analyzed: tf.Tensor) -> Encoder:
    """Return the encoder of texts as ids: by a vocabulary, or hashed if `hash_buckets` is set; "" is 0.

    Ids of a vocabulary run from the most frequent value to the rarest (equally frequent ones from last to first by
    their bytes), followed by the out-of-vocabulary buckets, into which unknown values are hashed. A value with a line
    break counts as unknown, since a vocabulary is a file of lines.

    Args:
        config: configuration of the id or attribute.
        name: name of the vocabulary.
        analyzed: string [N], the values from which the vocabulary is built.
    """
    if config.hash_buckets is not None:
        buckets = config.hash_buckets
        return lambda values: _shift_ids(values, tft.hash_strings(values, buckets))
    minimum = config.min_count if config.min_count > 1 else None
    vocabulary = tft.vocabulary(
        analyzed, top_k=config.vocabulary_size, frequency_threshold=minimum, vocab_filename=name
    )
    return lambda values: _shift_ids(
        values, tft.apply_vocabulary(values, vocabulary, num_oov_buckets=config.out_of_vocabulary_buckets)
    )


def identity_rows(config: IdentityConfig, vocabulary_size: int | None) -> int:
    """Return the number of ids of `identity_encoder`, padding's id 0 included, which is the size of their table.

    Args:
        config: configuration of the id or attribute.
        vocabulary_size: number of values in the vocabulary; None if values are hashed.
    """
    if config.hash_buckets is not None:
        return config.hash_buckets + 1
    assert vocabulary_size is not None
    return vocabulary_size + config.out_of_vocabulary_buckets + 1


def bucket_encoder(config: AttributeConfig, analyzed: tf.Tensor) -> Encoder:
    """Return the encoder of numbers as buckets: 1 below the first boundary, one more from each boundary on.

    A value that is not a finite number is 0.

    Args:
        config: configuration of an attribute with `boundaries` or `quantiles`.
        analyzed: float32 [N], the values from which quantiles are computed.
    """
    if config.boundaries is not None:
        boundaries = tf.constant(config.boundaries, tf.float32)
    else:
        assert config.quantiles is not None
        finite = select_values(analyzed, tf.math.is_finite(analyzed))
        boundaries = tf.reshape(tft.quantiles(finite, config.quantiles, QUANTILE_ERROR), [-1])
    return lambda values: tf.where(tf.math.is_finite(values), _buckets(boundaries, values), 0)


def bucket_rows(config: AttributeConfig) -> int:
    """Return the number of ids of `bucket_encoder`, id 0 included, which is the size of their table."""
    return (config.quantiles if config.boundaries is None else len(config.boundaries) + 1) + 1  # type: ignore[operator]


def age_buckets(seconds: tf.Tensor) -> tf.Tensor:
    """Return the number of binary digits of whole seconds, plus 1, at most 31.

    That is 1 for 0 s (and for less), 2 for 1 s, 3 for 2 and 3 s, 4 for 4 to 7 s, ... 31 from 2**29 s (17 years) on.
    Integer arithmetic puts powers of two into the right bucket. These are the semantic-temporal models' log2 buckets.

    Args:
        seconds: int64 `[N]`.

    Returns:
        int64 `[N]`.

    Example:
        >>> age_buckets(tf.constant([0, 1, 7], tf.int64)).numpy().tolist()
        [1, 2, 4]
    """
    powers = tf.constant([2**power for power in range(HISTORY_AGE_BUCKETS - 2)], tf.int64)
    return _buckets(powers, seconds)


def standardize(values: tf.Tensor, analyzed: tf.Tensor) -> tf.Tensor:
    """Subtract the mean of the analyzed values and divide by their standard deviation.

    A value that is not a finite number becomes 0, the mean.

    Args:
        values: float32 [N].
        analyzed: float32 [M], the values whose mean and deviation are used; those that are not finite are left out.
    """
    finite = select_values(analyzed, tf.math.is_finite(analyzed))
    mean, variance = tft.mean(finite), tft.var(finite)
    present = tf.where(tf.math.is_finite(values), values, mean)
    return tf.math.divide_no_nan(present - mean, tf.sqrt(variance))


def _buckets(boundaries: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Return the number of boundaries at or below each value, plus 1, int64."""
    return tf.searchsorted(boundaries, values, side="right", out_type=tf.int64) + 1


def _shift_ids(values: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """Let ids start at 1, with 0 for empty values."""
    return tf.where(tf.equal(values, ""), tf.constant(0, tf.int64), ids + 1)
