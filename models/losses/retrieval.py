"""Losses of a batch of positives against other items: what a matcher learns from.

Each gives one loss a row, [B], float32, so that rows can be weighted before they are averaged.
"""

from __future__ import annotations

import functools
import os
from typing import Any

import keras
from keras import ops

from interestflow.models.layers.core.masked_ops import mask_scores

RAREST = 1e-6
"""The lowest probability that popularity is corrected by, as in TF Recommenders."""


def in_batch_softmax(
    scores: Any, ids: Any, probabilities: Any | None, *, temperature: float = 1.0, hard_negatives: int | None = None
) -> Any:
    """Cross-entropy of each row's own item among all items of the batch.

    `-log softmax_n(s_bn / temperature - log p_n)` at n = b. The items of the batch come as often as they are taken,
    which `log p` (logQ) makes up for: Yi et al., RecSys 2019, equation 3. Another row's item that is the row's own
    (an accidental hit) does not count.

    Args:
        scores: [B, N], N at least B; column b < B is row b's own item.
        ids: [N], of the items.
        probabilities: [N], how often each item is the target; None: no correction.
        temperature: by which scores are divided.
        hard_negatives: of how many others, those of the highest scores, the sum is; None: of all.
    """
    logits = ops.cast(scores, "float32") / temperature
    if probabilities is not None:
        logits -= _log_probability(probabilities)
    rows, columns = ops.shape(logits)[0], ops.shape(logits)[1]
    own = ops.arange(rows)[:, None] == ops.arange(columns)[None, :]
    accidental = ops.logical_and(ids[:rows, None] == ids[None, :], ops.logical_not(own))
    logits = mask_scores(logits, ops.logical_not(accidental))
    positive = ops.sum(ops.where(own, logits, 0.0), axis=1)
    negative = mask_scores(logits, ops.logical_not(own))
    if hard_negatives is not None and (negative.shape[1] is None or hard_negatives < negative.shape[1]):
        negative = ops.top_k(negative, _at_most(hard_negatives, columns))[0]
    return ops.logsumexp(ops.concatenate([positive[:, None], negative], axis=1), axis=1) - positive


def recommenders_softmax(
    users: Any,
    items: Any,
    ids: Any,
    probabilities: Any | None,
    *,
    temperature: float = 1.0,
    hard_negatives: int | None = None,
) -> Any:
    """`in_batch_softmax` by `tensorflow_recommenders.tasks.Retrieval`, of users [B, K, d] at their best of K interests.

    Args:
        users: [B, K, d].
        items: [N, d], N at least B; row b < B is the own item of user b.
        ids: [N], of the items.
        probabilities: as for `in_batch_softmax`.
        temperature: likewise.
        hard_negatives: likewise.
    """
    return _recommenders_task(temperature, hard_negatives)(users, items, ids, probabilities)


def has_recommenders() -> bool:
    """Whether `recommenders_softmax` can be used: on TensorFlow, where TF Recommenders is installed."""
    return keras.backend.backend() == "tensorflow" and _recommenders() is not None


@functools.cache
def _recommenders() -> Any:
    """The package, or None where it is not installed.

    Its layers are Keras 2's, which `tf.keras` is only if this variable is set before anything asks for `tf.keras`.

    Raises:
        ImportError: where `tf.keras` is Keras 3 already.
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
def _recommenders_task(temperature: float, hard_negatives: int | None) -> Any:
    """A function of (users, items, ids, probabilities) -> losses [B].

    Keras 3 switches autograph off in a train step, which the task needs: hence a `tf.function` of its own.
    """
    import tensorflow as tf

    task = _recommenders().tasks.Retrieval(
        loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True, reduction=tf.keras.losses.Reduction.NONE),
        temperature=temperature,
        num_hard_negatives=hard_negatives,
        remove_accidental_hits=True,
    )

    @tf.function(autograph=True, reduce_retracing=True)
    def losses(users: Any, items: Any, ids: Any, probabilities: Any | None) -> Any:
        return task(
            users,
            items,
            candidate_sampling_probability=probabilities,
            candidate_ids=ids,
            compute_metrics=False,
            compute_batch_metrics=False,
        )

    return losses


def sampled_softmax(positive: Any, negative: Any, own: Any, drawn: Any, expected: Any | None) -> Any:
    """Cross-entropy of each row's own item among items that were drawn for the whole batch.

    With `expected`, how often an item is among those drawn, as in Jean et al., ACL 2015, equation 10, and in
    TensorFlow's: every score less its logarithm. A drawn item that is the row's own does not count.

    Args:
        positive: scores [B] of each row's own item.
        negative: scores [B, S] of the drawn items.
        own: ids [B].
        drawn: ids [S].
        expected: (own [B], drawn [S]), of each item the expected number among those drawn; None: no correction.
    """
    if expected is not None:
        positive -= ops.log(ops.maximum(expected[0], RAREST))
        negative -= ops.log(ops.maximum(expected[1], RAREST))[None, :]
    negative = mask_scores(negative, own[:, None] != drawn[None, :])
    return ops.logsumexp(ops.concatenate([positive[:, None], negative], axis=1), axis=1) - positive


def bpr(positive: Any, negative: Any, own: Any, history: Any, drawn: Any) -> Any:
    """Bayesian Personalized Ranking: Rendle et al., UAI 2009, BPR-OPT, without its regularisation.

    The mean over drawn items of `-log sigmoid(s_own - s_drawn)`. The paper draws an item that the user never took;
    here items drawn for the whole batch count unless they are the row's own or in its history. 0 where none is left.

    Args:
        positive: scores [B] of each row's own item.
        negative: scores [B, S] of the drawn items.
        own: ids [B].
        history: ids [B, T], 0 where there is none.
        drawn: ids [S].
    """
    taken = ops.concatenate([own[:, None], history], axis=1)
    counts = ops.logical_not(ops.any(taken[:, :, None] == drawn[None, None, :], axis=1))
    losses = ops.where(counts, ops.softplus(negative - positive[:, None]), 0.0)
    return ops.sum(losses, axis=1) / ops.maximum(ops.sum(ops.cast(counts, "float32"), axis=1), 1.0)


def draw_negatives(distribution: str, count: int, counts: Any, own: Any, seed: Any) -> tuple[Any, tuple[Any, Any]]:
    """Items drawn with replacement, never padding's row 0.

    Args:
        distribution: `uniform`; `popularity`, by `counts`; or `log_uniform`, in which the id i of R rows has
            `log(1 + 1 / i) / log(R)`: Zipf's law where ids are ordered by how frequent they are.
        count: how many, S.
        counts: a variable [rows], of how often each item is the target.
        own: ids [B] of which the expected number is to be known too.
        seed: a `keras.random.SeedGenerator`.

    Returns:
        The ids [S], and the expected numbers (own [B], drawn [S]) of each item among S.
    """
    counts = ops.convert_to_tensor(counts)
    rows = counts.shape[0]
    if distribution == "popularity":
        # Whole numbers: a cumulative sum of float32 forgets rare items beyond some million positives.
        up_to = ops.cumsum(ops.cast(counts[1:], "int64"))
        total = ops.maximum(up_to[-1], 1)
        # Two numbers, since one float32 has 24 bits.
        uniform = keras.random.uniform((2, count), seed=seed)
        place = ops.cast(uniform[0], "float64") + ops.cast(uniform[1], "float64") * 2.0**-23
        place = ops.minimum(ops.cast(place * ops.cast(total, "float64"), "int64"), total - 1)
        drawn = 1 + ops.searchsorted(up_to, place, side="right")
        shares = counts / ops.cast(total, "float32")
        return _with_expected(drawn, own, lambda ids: ops.take(shares, ids), count)
    uniform = keras.random.uniform((count,), seed=seed)
    if distribution == "uniform":
        drawn = 1 + ops.cast(ops.floor(uniform * (rows - 1)), "int64")
        return _with_expected(drawn, own, lambda ids: ops.ones_like(ids, "float32") / (rows - 1), count, rows)
    drawn = ops.cast(ops.floor(ops.exp(uniform * ops.log(float(rows)))), "int64")

    def share(ids: Any) -> Any:
        return ops.log1p(1.0 / ops.maximum(ops.cast(ids, "float32"), 1.0)) / ops.log(float(rows))

    return _with_expected(drawn, own, share, count, rows)


def _with_expected(drawn: Any, own: Any, share: Any, count: int, rows: int | None = None) -> tuple[Any, Any]:
    drawn = ops.cast(drawn, own.dtype)
    if rows is not None:
        drawn = ops.clip(drawn, 1, rows - 1)  # a uniform number just below 1 may be rounded up
    return drawn, (count * share(own), count * share(drawn))


def _log_probability(probabilities: Any) -> Any:
    return ops.log(ops.clip(ops.cast(probabilities, "float32"), RAREST, 1.0))


def _at_most(count: int, columns: Any) -> Any:
    return min(count, columns) if isinstance(columns, int) else ops.minimum(count, columns)
