"""Losses of a batch of positives against other items, which matchers learn from.

Each function returns one loss for each row, float32 [B], so that rows can be weighted before they are averaged.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.masked_ops import mask_scores
from interestflow.models.tensor import Tensor

MIN_PROBABILITY = 1e-6
"""Lowest probability that popularity is corrected by, as in TF Recommenders."""


def in_batch_softmax(
    scores: Tensor,
    ids: Tensor,
    probabilities: Tensor | None,
    *,
    temperature: float = 1.0,
    hard_negatives: int | None = None,
) -> Tensor:
    """Compute the cross-entropy of each row's own item among all items of the batch.

    `-log softmax_n(s_bn / temperature - log p_n)` at n = b. Items are in the batch as often as they are interacted
    with, which `log p` (logQ) corrects. Another row's item that equals the row's own (an accidental hit) does not
    count.

    Args:
        scores: [B, N], N at least B; column b < B is row b's own item.
        ids: int [N], of the items.
        probabilities: [N], how often each item is the target; without them, no correction.
        temperature: temperature that scores are divided by.
        hard_negatives: how many negatives, those of the highest scores, are in the sum; without it, all.

    Returns:
        float32 [B], in nats.

    Example:

    >>> scores, ids = ops.array([[0.0, 0.0], [0.0, 9.0]]), ops.array([5, 7])
    >>> np.round(np.asarray(in_batch_softmax(scores, ids, None)), 3)
    array([0.693, 0.   ], dtype=float32)

    Reference:
        Yi et al., RecSys 2019, equation 3.
    """
    logits = ops.cast(scores, "float32") / temperature
    if probabilities is not None:
        logits -= _log_probability(probabilities)
    rows, columns = ops.shape(logits)[0], ops.shape(logits)[1]
    is_own = ops.arange(rows)[:, None] == ops.arange(columns)[None, :]
    is_accidental = ops.logical_and(ids[:rows, None] == ids[None, :], ops.logical_not(is_own))
    logits = mask_scores(logits, ops.logical_not(is_accidental))
    positive = ops.sum(ops.where(is_own, logits, 0.0), axis=1)
    negative = mask_scores(logits, ops.logical_not(is_own))
    if hard_negatives is not None and (negative.shape[1] is None or hard_negatives < negative.shape[1]):
        negative = ops.top_k(negative, _minimum(hard_negatives, columns))[0]
    return ops.logsumexp(ops.concatenate([positive[:, None], negative], axis=1), axis=1) - positive


def recommenders_softmax(
    users: Tensor,
    items: Tensor,
    ids: Tensor,
    probabilities: Tensor | None,
    *,
    temperature: float = 1.0,
    hard_negatives: int | None = None,
) -> Tensor:
    """Compute `in_batch_softmax` by `tensorflow_recommenders.tasks.Retrieval`, with the best of K interests.

    Args:
        users: [B, K, d].
        items: [N, d], N at least B; row b < B is the own item of user b.
        ids: int [N], of the items.
        probabilities: as for `in_batch_softmax`.
        temperature: as for `in_batch_softmax`.
        hard_negatives: as for `in_batch_softmax`.

    Returns:
        float32 [B], in nats.
    """
    return _recommenders_task(temperature, hard_negatives)(users, items, ids, probabilities)


def has_recommenders() -> bool:
    """Return whether `recommenders_softmax` can be used: on TensorFlow, where TF Recommenders is installed."""
    return keras.backend.backend() == "tensorflow" and _recommenders() is not None


@functools.cache
def _recommenders() -> Any:
    """Import TF Recommenders, or return None where it is not installed.

    Its layers are those of Keras 2, which `tf.keras` only is if the variable is set before the first use of `tf.keras`.

    Raises:
        ImportError: if `tf.keras` is Keras 3 already.
    """
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    import tensorflow as tf

    if issubclass(tf.keras.Model, keras.Model):
        raise ImportError(
            "TF Recommenders needs `tf.keras` to be Keras 2, received Keras 3: set TF_USE_LEGACY_KERAS=1 before "
            "TensorFlow is used"
        )
    try:
        import tensorflow_recommenders
    except ModuleNotFoundError as error:
        if error.name != "tensorflow_recommenders":
            raise
        return None
    return tensorflow_recommenders


@functools.cache
def _recommenders_task(temperature: float, hard_negatives: int | None) -> Callable[..., Tensor]:
    """Build a function of (users, items, ids, probabilities) -> losses [B].

    Keras 3 switches autograph off in a train step, but the task needs it: hence a `tf.function` of its own.
    """
    import tensorflow as tf

    task = _recommenders().tasks.Retrieval(
        loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True, reduction=tf.keras.losses.Reduction.NONE),
        temperature=temperature,
        num_hard_negatives=hard_negatives,
        remove_accidental_hits=True,
    )

    @tf.function(autograph=True, reduce_retracing=True)
    def losses(users: Tensor, items: Tensor, ids: Tensor, probabilities: Tensor | None) -> Tensor:
        return task(
            users,
            items,
            candidate_sampling_probability=probabilities,
            candidate_ids=ids,
            compute_metrics=False,
            compute_batch_metrics=False,
        )

    return losses


def sampled_softmax(
    positive: Tensor, negative: Tensor, targets: Tensor, sampled: Tensor, expected: tuple[Tensor, Tensor] | None
) -> Tensor:
    """Compute the cross-entropy of each row's own item among items sampled for the whole batch.

    With `expected`, the logarithm of each item's expected count among the samples is subtracted from its score, as in
    TensorFlow's sampled softmax. A sampled item that is the row's own does not count.

    Args:
        positive: scores [B] of each row's own item.
        negative: scores [B, S] of the sampled items.
        targets: ids int [B] of each row's own item.
        sampled: ids int [S] of the sampled items.
        expected: (targets [B], sampled [S]), expected count of each item among the samples; None for no
            correction.

    Returns:
        float32 [B], in nats.

    Reference:
        Jean et al., ACL 2015, equation 10.
    """
    if expected is not None:
        positive -= ops.log(ops.maximum(expected[0], MIN_PROBABILITY))
        negative -= ops.log(ops.maximum(expected[1], MIN_PROBABILITY))[None, :]
    negative = mask_scores(negative, targets[:, None] != sampled[None, :])
    return ops.logsumexp(ops.concatenate([positive[:, None], negative], axis=1), axis=1) - positive


def bpr(positive: Tensor, negative: Tensor, targets: Tensor, history: Tensor, sampled: Tensor) -> Tensor:
    """Compute the loss of Bayesian Personalized Ranking: the mean over samples of `-log sigmoid(s_target - s_sampled)`.

    The paper samples an item that the user never interacted with. Here items sampled for the whole batch count unless
    they are the row's own or in its history. The paper's regularization is left out.

    Args:
        positive: scores [B] of each row's own item.
        negative: scores [B, S] of the sampled items.
        targets: ids int [B] of each row's own item.
        history: ids int [B, T], 0 where padded.
        sampled: ids int [S] of the sampled items.

    Returns:
        float32 [B], in nats; 0 where no sampled item counts.

    Reference:
        Rendle et al., UAI 2009, BPR-OPT.
    """
    interacted = ops.concatenate([targets[:, None], history], axis=1)
    counts = ops.logical_not(ops.any(interacted[:, :, None] == sampled[None, None, :], axis=1))
    losses = ops.where(counts, ops.softplus(negative - positive[:, None]), 0.0)
    return ops.sum(losses, axis=1) / ops.maximum(ops.sum(ops.cast(counts, "float32"), axis=1), 1.0)


def draw_negatives(
    distribution: str, count: int, counts: keras.Variable, targets: Tensor, seed: keras.random.SeedGenerator
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Draw items with replacement, never padding's row 0.

    Args:
        distribution: `uniform`; `popularity`, proportional to `counts`; or `log_uniform`, in which id i of R rows has
            probability `log(1 + 1 / i) / log(R)`: Zipf's law, where ids are sorted by frequency.
        count: number of items to draw, S.
        counts: variable [rows], how often each item is the target.
        targets: ids int [B] whose expected counts are returned too.
        seed: `keras.random.SeedGenerator`.

    Returns:
        The ids [S], and the expected counts (targets [B], sampled [S]) of each item among S.
    """
    counts = ops.convert_to_tensor(counts)
    rows = counts.shape[0]
    if distribution == "popularity":
        return _draw_by_counts(count, counts, targets, seed)
    uniform = keras.random.uniform((count,), seed=seed)
    if distribution == "uniform":
        sampled = 1 + ops.cast(ops.floor(uniform * (rows - 1)), "int64")
        return _with_expected_counts(
            sampled, targets, lambda ids: ops.ones_like(ids, "float32") / (rows - 1), count, rows
        )
    sampled = ops.cast(ops.floor(ops.exp(uniform * ops.log(float(rows)))), "int64")

    def probability(ids: Tensor) -> Tensor:
        return ops.log1p(1.0 / ops.maximum(ops.cast(ids, "float32"), 1.0)) / ops.log(float(rows))

    return _with_expected_counts(sampled, targets, probability, count, rows)


def _draw_by_counts(
    count: int, counts: Tensor, targets: Tensor, seed: keras.random.SeedGenerator
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    # Integers: a cumulative sum in float32 loses rare items beyond some million positives.
    cumulative = ops.cumsum(ops.cast(counts[1:], "int64"))
    total = ops.maximum(cumulative[-1], 1)
    # Two random numbers, since one float32 has 24 bits.
    uniform = keras.random.uniform((2, count), seed=seed)
    position = ops.cast(uniform[0], "float64") + ops.cast(uniform[1], "float64") * 2.0**-23
    position = ops.minimum(ops.cast(position * ops.cast(total, "float64"), "int64"), total - 1)
    sampled = 1 + ops.searchsorted(cumulative, position, side="right")
    probabilities = counts / ops.cast(total, "float32")
    return _with_expected_counts(sampled, targets, lambda ids: ops.take(probabilities, ids), count)


def _with_expected_counts(
    sampled: Tensor, targets: Tensor, probability: Callable[[Tensor], Tensor], count: int, rows: int | None = None
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    sampled = ops.cast(sampled, targets.dtype)
    if rows is not None:
        sampled = ops.clip(sampled, 1, rows - 1)  # A uniform number just below 1 may be rounded up.
    return sampled, (count * probability(targets), count * probability(sampled))


def _log_probability(probabilities: Tensor) -> Tensor:
    return ops.log(ops.clip(ops.cast(probabilities, "float32"), MIN_PROBABILITY, 1.0))


def _minimum(count: int, columns: Any) -> Any:
    """Return the smaller of two sizes; `columns` may be a tensor."""
    return min(count, columns) if isinstance(columns, int) else ops.minimum(count, columns)
