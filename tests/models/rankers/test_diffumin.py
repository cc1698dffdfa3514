"""Diffusion-driven Multi-Interest Network: channels, added losses and their gradients, and long noisy histories."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.inputs import CategoricalInput, ModelInputs
from interestflow.models.optimizers.row_sparse import LazyAdam
from interestflow.models.rankers.diffumin import DiffuMIN
from interestflow.models.registry import build_ranker
from interestflow.transforms.area_under_curve import area_under_curve as auc
from tests.models.support.gradients import gradients_by_path
from tests.models.support.operation_counts import growth
from tests.models.support.random_features import PLAIN, RICH, make_features, move_weights


def diffumin(inputs: ModelInputs, **hyperparameters: Any) -> DiffuMIN:
    """Build the model with randomized weights, as after some training."""
    keras.utils.set_random_seed(1)
    small = {"embedding_dimension": 4, "tower_units": (8,), "denoising_steps": 3}
    ranker = build_ranker("diffumin", inputs, {**small, **hyperparameters})
    move_weights(ranker)
    return ranker


def test_serving_is_the_same_each_time_and_training_is_not() -> None:
    ranker, features = diffumin(RICH), make_features(RICH, 9)
    first, second = (np.asarray(ranker(features, training=False)["click"]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    outputs = [np.asarray(ranker(features, training=True)["click"]) for _ in range(2)]
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-6


def test_an_interest_is_the_mean_of_its_channels_behaviours_by_their_scores() -> None:
    ranker, features = diffumin(PLAIN, channels=2), make_features(PLAIN, 5, full=True)
    history, mask = ranker.encoder.history_items(features)
    channels = np.asarray(ranker.channels(ranker.encoder.target(features)))
    means, interests, has_any = ranker._interests(history, mask, channels)
    scores = np.asarray(history) @ channels
    for row in range(5):
        best = scores[row].argmax(-1)
        for channel in range(2):
            is_routed = best == channel
            assert bool(has_any[row, channel]) == is_routed.any()
            if is_routed.any():
                mean = (scores[row, is_routed, channel, None] * np.asarray(history)[row, is_routed]).mean(0)
                np.testing.assert_allclose(means[row, channel], mean, rtol=1e-3, atol=1e-4)
                np.testing.assert_allclose(interests[row, channel], mean / np.linalg.norm(mean), rtol=1e-3, atol=1e-4)


def test_the_newest_are_taken_from_each_rows_own_end() -> None:
    ranker, features = diffumin(PLAIN, recent_length=2), make_features(PLAIN, 7)
    history, mask = ranker.encoder.history_items(features)
    user = ranker.encode_user(features)
    newest, newest_mask = user["newest"], user["newest_mask"]
    lengths = np.asarray(mask).sum(1)
    np.testing.assert_array_equal(newest_mask, [[length > 1, length > 0] for length in lengths])
    for row, length in enumerate(lengths):
        if length:
            np.testing.assert_array_equal(newest[row, -1], history[row, length - 1])


def added(ranker: DiffuMIN, features: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the size of the added losses' gradient by weight."""
    with tf.GradientTape() as tape:
        ranker(features, training=True)
        loss = tf.add_n([tf.zeros(()), *(tf.cast(value, tf.float32) for value in ranker.losses)])
    gradients = gradients_by_path(tape, loss, ranker.trainable_variables)
    return {path: float(np.abs(gradient).sum()) for path, gradient in gradients.items()}


@pytest.mark.parametrize(("contrast", "reached"), [(0.0, False), (0.5, True)])
def test_the_contrast_reaches_the_projection_where_it_has_a_weight(contrast: float, reached: bool) -> None:
    sizes = added(diffumin(PLAIN, contrast_weight=contrast), make_features(PLAIN, 14))
    of_projection = [size for path, size in sizes.items() if "projection/" in path]
    assert all((size > 0.0) == reached for size in of_projection[::2])  # the kernels
    assert any(size > 0.0 for path, size in sizes.items() if "denoiser" in path)


def test_the_noise_of_training_is_the_run_seeds_and_goes_on_where_a_backup_was() -> None:
    """The generator's state is a variable like others: set back, the same noise comes again."""
    features = make_features(PLAIN, 9, full=True)
    first, second = (diffumin(PLAIN) for _ in range(2))
    state = [variable.numpy() for variable in first.variables]
    outputs = np.asarray(first(features, training=True)["click"])
    np.testing.assert_array_equal(second(features, training=True)["click"], outputs)
    assert np.abs(np.asarray(first(features, training=True)["click"]) - outputs).max() > 1e-6
    for variable, value in zip(first.variables, state, strict=True):
        variable.assign(value)
    np.testing.assert_array_equal(first(features, training=True)["click"], outputs)


def test_the_contrast_falls_below_what_knowing_nothing_costs() -> None:
    """The log of the batch's 16 rows is what views that tell nothing apart cost; here the contrast alone is trained."""
    ranker = diffumin(PLAIN, channels=2, contrast_weight=1.0, diffusion_weight=0.0)
    features = make_features(PLAIN, 16, full=True)
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(ranker.trainable_variables)
    weights = ranker.trainable_variables

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            ranker(features, training=True)
            loss = tf.add_n(ranker.losses)
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        pairs = [
            (gradient, weight) for gradient, weight in zip(gradients, weights, strict=True) if gradient is not None
        ]
        optimizer.apply_gradients(pairs)
        return loss

    losses = [float(step()) for _ in range(150)]
    assert losses[0] > np.log(16)
    assert np.mean(losses[-10:]) < 0.9 * np.log(16)


def test_the_cost_is_linear_in_the_history() -> None:
    work_growth = growth(lambda inputs: build_ranker("diffumin", inputs, {"embedding_dimension": 8}))
    assert work_growth == pytest.approx(2.0, rel=0.02)


def test_without_weights_nothing_is_added() -> None:
    ranker = diffumin(PLAIN, contrast_weight=0.0, diffusion_weight=0.0)
    ranker(make_features(PLAIN, 9), training=True)
    assert ranker.losses == []


GROUPS, LENGTH, OWN = 20, 100, 4
NOISY = ModelInputs(
    tasks=("click",),
    item_rows=401,
    history_length=LENGTH,
    history_age_buckets=4,
    categorical=(CategoricalInput("group", GROUPS + 1, "item", None, True, True),),
)


def long_histories(count: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return histories of 100 behaviours, four of the target's group (label 1) or none (0); all others are noise."""
    random = np.random.default_rng(seed)
    group = random.integers(1, GROUPS + 1, count)
    history = random.integers(1, GROUPS, (count, LENGTH))
    history += history >= group[:, None]
    label = random.integers(0, 2, count)
    for row in np.flatnonzero(label):
        history[row, random.choice(LENGTH, OWN, replace=False)] = group[row]

    def items(groups: np.ndarray) -> np.ndarray:
        return (groups - 1) * 20 + random.integers(1, 21, groups.shape)

    features = {
        "item": items(group), "group": group, "history_item": items(history), "history_group": history,
        "history_age": np.ones((count, LENGTH), np.int64),
    }  # fmt: skip
    return features, label.astype(np.float32)


def learned_auc(name: str, **hyperparameters: Any) -> float:
    keras.utils.set_random_seed(11)
    ranker = build_ranker(name, NOISY, {"embedding_dimension": 8, "tower_units": (32,), **hyperparameters})
    ranker.compile(optimizer=LazyAdam(0.005))
    features, label = long_histories(6000, 1)
    ranker.fit(features, {"click": label}, batch_size=100, epochs=3, verbose=0)
    features, label = long_histories(2000, 2)
    return auc(label, np.asarray(ranker(features)["click"]))


def test_a_few_behaviours_among_much_noise_are_found() -> None:
    """The mean over a hundred of which four count is nearly the mean of noise: of 2000 rows, 0.5 give or take 0.013. A
    channel whose five best are kept can ask for them alone: 0.95 after this much training."""
    pooled_auc, diffumin_auc = learned_auc("pooled"), learned_auc("diffumin", denoising_steps=2, top_k=5)
    assert pooled_auc < 0.58
    assert diffumin_auc > pooled_auc + 0.3
