"""Retrieval losses, by hand and compared with TF Recommenders."""

from __future__ import annotations

import os
import subprocess
import sys
from math import exp, log
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.losses import retrieval as retrieval_losses
from interestflow.models.losses.retrieval import (
    bpr,
    draw_negatives,
    in_batch_softmax,
    recommenders_softmax,
    sampled_softmax,
)
from interestflow.models.matchers.base import Matcher
from interestflow.models.registry import build_matcher
from tests.models.support.random_features import PLAIN, RICH, make_catalogue, make_features
from tests.paths import PYTHON_PATH


def floats(*values: Any) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(value, np.float32) for value in values)


def test_softmax_in_the_batch_by_hand() -> None:
    """Row 0: -log(e^2 / (e^2 + e^1)) = log(1 + e^-1). Row 1: log(1 + e^-3). Temperature 1/2 doubles the differences."""
    (scores,) = floats([[2.0, 1.0], [0.0, 3.0]])
    ids = np.array([4, 7])
    np.testing.assert_allclose(in_batch_softmax(scores, ids, None), [log(1 + exp(-1)), log(1 + exp(-3))], rtol=1e-5)
    halved = in_batch_softmax(scores, ids, None, temperature=0.5)
    np.testing.assert_allclose(halved, [log(1 + exp(-2)), log(1 + exp(-6))], rtol=1e-4)


def test_items_that_are_drawn_more_often_count_less() -> None:
    """All scores are 0, so a logit is -log p: row 0 has 1/p = 2 against 8, log((2 + 8) / 2); row 1 log(10 / 8)."""
    scores, probabilities = floats([[0.0, 0.0], [0.0, 0.0]], [1 / 2, 1 / 8])
    losses = in_batch_softmax(scores, np.array([4, 7]), probabilities)
    np.testing.assert_allclose(losses, [log(10 / 2), log(10 / 8)], rtol=1e-5)


def test_the_own_item_is_not_among_the_negatives() -> None:
    """Rows 0 and 2 have the same item: the only other item of each is row 1's, that of row 1 comes twice."""
    (scores,) = floats([[1.0, 0.0, 9.0], [5.0, 5.0, 5.0], [9.0, 0.0, 2.0]])
    losses = in_batch_softmax(scores, np.array([4, 7, 4]), None)
    np.testing.assert_allclose(losses, [log(1 + exp(-1)), log(3), log(1 + exp(-2))], rtol=1e-5)


def test_hard_negatives_are_those_of_the_highest_scores() -> None:
    """Of 3, 1 and 2, beside the own 4, the two highest are 3 and 2."""
    (scores,) = floats([[4.0, 3.0, 1.0, 2.0]])
    losses = in_batch_softmax(scores, np.array([1, 2, 3, 4]), None, hard_negatives=2)
    np.testing.assert_allclose(losses, [log(1 + exp(-1) + exp(-2))], rtol=1e-5)


@pytest.mark.parametrize("hard_negatives", [None, 1, 3, 50])
@pytest.mark.parametrize("corrects", [True, False])
def test_it_equals_that_of_tf_recommenders(corrects: bool, hard_negatives: int | None) -> None:
    """Losses and gradients, for three interests of each user, repeated items and more candidates than rows."""
    random = np.random.default_rng(1)
    users, items = (tf.constant(random.normal(size=shape).astype(np.float32)) for shape in ((6, 3, 4), (9, 4)))
    ids = tf.constant([1, 2, 1, 3, 4, 5, 2, 6, 7])
    probabilities = tf.constant(random.uniform(0.01, 0.3, 9).astype(np.float32)) if corrects else None
    options = {"temperature": 0.7, "hard_negatives": hard_negatives}

    def by_hand() -> Any:
        return in_batch_softmax(tf.reduce_max(tf.einsum("bkd,nd->bkn", users, items), 1), ids, probabilities, **options)

    results = []
    for losses in (by_hand, lambda: recommenders_softmax(users, items, ids, probabilities, **options)):
        with tf.GradientTape() as tape:
            tape.watch([users, items])
            loss = losses()
            total = tf.reduce_sum(loss * tf.range(1.0, 7.0))
        results.append([loss, *tape.gradient(total, [users, items])])
    assert results[0][0].shape == (6,)
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_sampled_softmax_by_hand() -> None:
    """Own 2 - log 1/2 against 1 - log 2 and 0 - log 4, by e 2e^2, e / 2 and 1 / 4; an own item is left out."""
    positive, negative = floats([2.0, 2.0], [[1.0, 0.0], [1.0, 0.0]])
    positives, negatives = np.array([1, 5]), np.array([5, 6])
    losses = sampled_softmax(positive, negative, positives, negatives, floats([0.5, 0.5], [2.0, 4.0]))
    first, second, third = 2 * exp(2), exp(1) / 2, 1 / 4
    expected = [log((first + second + third) / first), log((first + third) / first)]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    plain = sampled_softmax(positive, negative, positives, negatives, None)
    np.testing.assert_allclose(plain[0], log(1 + exp(-1) + exp(-2)), rtol=1e-5)


def test_bpr_by_hand() -> None:
    """Items 5, 6 and 7 are drawn. Row 0 has 6 in its history: log(1 + e^(s - own)) for 5 and 7. Row 1 has all."""
    positive, negative = floats([1.0, 1.0], [[0.0, 9.0, 1.0], [3.0, 4.0, 5.0]])
    history = np.array([[6, 0, 0], [7, 6, 0]])
    losses = bpr(positive, negative, np.array([1, 5]), history, np.array([5, 6, 7]))
    np.testing.assert_allclose(losses, [(log(1 + exp(-1)) + log(2)) / 2, 0.0], rtol=1e-5)


@pytest.mark.parametrize("distribution", ["uniform", "popularity", "log_uniform"])
def test_items_are_drawn_with_their_probabilities(distribution: str) -> None:
    """Of 20,000 draws each share lies within 0.015, four deviations of the most frequent, which has a share of 0.5."""
    counts = keras.Variable(np.array([0.0, 10.0, 0.0, 5.0, 4.0, 1.0], np.float32))
    ids = tf.range(6, dtype=tf.int64)
    negatives, (positive_counts, drawn_counts) = draw_negatives(
        distribution, 20_000, counts, ids, keras.random.SeedGenerator(3)
    )
    shares = np.bincount(negatives, minlength=6) / 20_000
    assert shares[0] == 0.0
    expected = {
        "uniform": np.full(5, 0.2),
        "popularity": np.array([10, 0, 5, 4, 1]) / 20,
        "log_uniform": np.log1p(1 / np.arange(1, 6)) / np.log(6),
    }[distribution]
    assert expected.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(shares[1:], expected, atol=0.015)
    np.testing.assert_allclose(positive_counts[1:], 20_000 * expected, rtol=1e-4)
    np.testing.assert_allclose(drawn_counts, np.asarray(positive_counts)[np.asarray(negatives)], rtol=1e-6)


def test_rare_items_are_drawn_too() -> None:
    """Of 2^26 positives the last item has 2^20; a float32 sum of ones up to there would have stopped at 2^24."""
    counts = np.zeros(4, np.float32)
    counts[1:] = 2.0**26 - 2.0**20 - 1.0, 1.0, 2.0**20
    negatives, _ = draw_negatives(
        "popularity", 4096, keras.Variable(counts), np.array([1]), keras.random.SeedGenerator(3)
    )
    assert 20 < np.sum(np.asarray(negatives) == 3) < 120  # 64 are expected, with a standard deviation of 8.


def matcher(name: str = "two_tower", **hyperparameters: Any) -> Matcher:
    keras.utils.set_random_seed(1)
    return build_matcher(name, RICH, {"embedding_dimension": 4, **hyperparameters}, make_catalogue(RICH))


@pytest.mark.parametrize("loss", ["in_batch_softmax", "sampled_softmax", "bpr"])
def test_rows_are_weighted_before_they_are_averaged(loss: str) -> None:
    """The loss under weights is their mean of the rows' losses; only ratios count, and ones are no weights."""
    model, features = matcher(loss=loss), make_features(RICH, 6)
    users, items = model.encode_user(features), model.encode_items(features)
    state = model.seed_generator.state.numpy()

    def replay(call: Any) -> np.ndarray:
        model.seed_generator.state.assign(state)
        return np.asarray(call())

    rows = replay(lambda: model.row_losses(users, items, features))
    assert rows.shape == (6,)
    weights = np.array([0.0, 1.0, 2.0, 0.0, 0.5, 0.5], np.float32)
    for factor in (1.0, 7.0):
        loss = replay(lambda factor=factor: model.training_loss(features, factor * weights))
        np.testing.assert_allclose(loss, np.average(rows, weights=weights), rtol=1e-5)
    np.testing.assert_allclose(replay(lambda: model.training_loss(features)), rows.mean(), rtol=1e-5)


def test_a_penalty_is_added_once_for_each_batch() -> None:
    """Half of 0.3 times all squares that the batch gathers, over its size; nothing of the batch before."""
    features = make_features(PLAIN, 5, full=True)
    plain, penalized = (
        build_matcher("two_tower", PLAIN, {"embedding_dimension": 4, "embedding_l2": l2}, make_catalogue(PLAIN))
        for l2 in (0.0, 0.3)
    )
    penalized.set_weights(plain.get_weights())
    table = plain.space.items.items.table.numpy()
    used_ids = np.concatenate([features["item"], features["history_item"].ravel()])
    for _ in range(2):
        loss = penalized.training_loss(features) - plain.training_loss(features)
        np.testing.assert_allclose(loss, 0.15 * np.sum(table[used_ids] ** 2) / 5, rtol=1e-3)


def test_the_correction_uses_the_counts_of_the_catalogue() -> None:
    """The logarithm of an item's probability is subtracted from its score, in both softmaxes."""
    catalogue = make_catalogue(RICH)
    model = build_matcher("two_tower", RICH, {"embedding_dimension": 4}, catalogue)
    shares = model.catalogue.probabilities(np.arange(RICH.item_rows))
    np.testing.assert_allclose(shares, catalogue.counts / catalogue.counts.sum(), rtol=1e-6)
    features = make_features(RICH, 5)
    users, items = model.encode_user(features), model.encode_items(features)
    by_hand = in_batch_softmax(model.score(users, items), features["item"], np.asarray(shares)[features["item"]])
    np.testing.assert_allclose(model.row_losses(users, items, features), by_hand, rtol=1e-5)


def test_without_tf_recommenders_the_loss_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is not installed everywhere; it is not on macOS."""
    model, features = matcher("comirec", hard_negatives=2, temperature=0.5), make_features(RICH, 8)
    expected = model.training_loss(features)
    monkeypatch.setattr(retrieval_losses, "_recommenders", lambda: None)
    monkeypatch.setattr(retrieval_losses, "recommenders_softmax", None)
    np.testing.assert_allclose(model.training_loss(features), expected, rtol=1e-5)


def test_keras_3_behind_tf_keras_is_an_error_that_names_the_variable() -> None:
    program = "import tensorflow as tf; tf.keras; "
    program += "from interestflow.models.losses import retrieval as r; r.has_recommenders()"
    environment = os.environ | {"TF_USE_LEGACY_KERAS": "0", "PYTHONPATH": PYTHON_PATH}
    finished = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert finished.returncode == 1
    assert "set TF_USE_LEGACY_KERAS=1 before TensorFlow is used" in finished.stderr.splitlines()[-1]
