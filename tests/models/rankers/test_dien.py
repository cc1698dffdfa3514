"""Deep Interest Evolution Network: interest states, their evolution, and the auxiliary loss on the extractor."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.inputs import ModelInputs
from interestflow.models.losses.next_step import next_step_loss
from interestflow.models.optimizers.row_sparse import LazyAdam
from interestflow.models.rankers.dien import DIEN
from interestflow.models.registry import build_ranker
from interestflow.transforms.area_under_curve import area_under_curve as auc
from tests.models.support.gradients import gradients_by_path
from tests.models.support.random_features import PLAIN, RICH, make_features, move_weights


def dien(inputs: ModelInputs, **hyperparameters: Any) -> DIEN:
    """Build the model with randomized weights, as after some training."""
    ranker = build_ranker("dien", inputs, {"embedding_dimension": 4, "tower_units": (8,), **hyperparameters})
    move_weights(ranker, scale=0.5)
    return ranker


def clicks(ranker: Any, features: dict[str, np.ndarray]) -> np.ndarray:
    return np.asarray(ranker(features)["click"])


@pytest.mark.parametrize("evolution", ["aigru", "agru", "augru", "augru_released"])
def test_the_order_matters(evolution: str) -> None:
    ranker, features = dien(PLAIN, evolution=evolution), make_features(PLAIN, 9, full=True)
    turned = {name: values[:, ::-1] if name.startswith("history_") else values for name, values in features.items()}
    assert np.median(np.abs(clicks(ranker, turned) - clicks(ranker, features))) > 1e-3


def auxiliary(ranker: DIEN, features: dict[str, np.ndarray]) -> tuple[float, dict[str, float]]:
    """Return the added loss, and the size of its gradient by weight."""
    with tf.GradientTape() as tape:
        ranker({name: tf.constant(values) for name, values in features.items()}, training=True)
        loss = tf.add_n([tf.cast(value, tf.float32) for value in ranker.losses])
    gradients = gradients_by_path(tape, loss, ranker.trainable_variables)
    return float(loss), {path: float(np.abs(gradient).sum()) for path, gradient in gradients.items()}


def test_the_auxiliary_loss_reaches_the_extractor_and_not_the_evolution() -> None:
    loss, sizes = auxiliary(dien(RICH), make_features(RICH, 14))
    assert loss > 0.0
    assert all(size > 0.0 for path, size in sizes.items() if "extractor" in path or path.endswith("items/item/table"))
    for part in ("evolution", "attention", "tower", "score", "bias"):
        assert all(size == 0.0 for path, size in sizes.items() if f"/{part}/" in f"/{path}"), part


def test_without_its_weight_nothing_is_added() -> None:
    ranker = dien(PLAIN, auxiliary_weight=0.0)
    ranker(make_features(PLAIN, 9), training=True)
    assert ranker.losses == []


def test_negatives_are_other_items_of_the_same_step() -> None:
    ranker, features = dien(PLAIN), make_features(PLAIN, 40)
    history, mask = ranker.encoder.history_items(features)
    samples = set()
    for _ in range(5):
        negatives, valid = ranker._sample_from_batch(features["history_item"], history, mask)
        valid = np.asarray(valid)
        assert not valid[~np.asarray(mask)].any()
        table = np.asarray(ranker.encoder.items.items.table)
        items = np.argmin(np.abs(np.asarray(negatives)[..., None, :] - table).sum(-1), axis=-1)
        assert np.all(items[valid] != features["history_item"][valid])
        assert np.all(items[valid] != 0)
        # Of the same step of another row: each column is a column of the log's own items, so popular ones come often.
        for step in range(PLAIN.history_length):
            assert set(items[valid[:, step], step]) <= set(features["history_item"][:, step])
        samples.add(items.tobytes())
    assert len(samples) > 1, "another draw each time"


def with_negatives(inputs: ModelInputs, count: int) -> tuple[ModelInputs, dict[str, np.ndarray]]:
    """Return inputs and features with sampled negatives of behaviours, which are the previous row's history."""
    inputs = dataclasses.replace(inputs, history_negatives=True)
    features = make_features(inputs, count, full=True)
    names = [name.removeprefix("history_negative_") for name in inputs.training_tensors()]
    return inputs, features | {
        f"history_negative_{name}": np.roll(features[f"history_{name}"], 1, axis=0) for name in names
    }


def test_the_loss_is_of_the_negatives_that_it_is_given_and_reaches_their_vectors() -> None:
    inputs, features = with_negatives(RICH, 14)
    ranker = dien(inputs)
    loss, sizes = auxiliary(ranker, features)
    assert all(size > 0.0 for path, size in sizes.items() if "extractor" in path or "/items/" in f"/{path}")
    for part in ("evolution", "attention", "tower", "score", "bias"):
        assert all(size == 0.0 for path, size in sizes.items() if f"/{part}/" in f"/{path}"), part
    history, mask = ranker.encoder.history_items(features)
    negatives, has_negative = ranker.encoder.items.history_negatives(features)
    states = ranker.encode_user(features)["states"]
    valid = (
        np.asarray(mask) & np.asarray(has_negative) & (features["history_negative_item"] != features["history_item"])
    )
    np.testing.assert_allclose(loss, next_step_loss(states, history, negatives, valid), rtol=1e-5)
    assert auxiliary(ranker, features)[0] == loss, "nothing is drawn anew"


def test_a_negative_that_is_missing_or_the_behaviour_itself_does_not_count() -> None:
    inputs, features = with_negatives(PLAIN, 9)
    ranker = dien(inputs)
    full_loss, _ = auxiliary(ranker, features)
    for replacement in (0, features["history_item"][:, 3]):
        features["history_negative_item"][:, 3] = replacement
        part, _ = auxiliary(ranker, features)
        assert part != full_loss
    features["history_negative_item"][:] = features["history_item"]
    assert auxiliary(ranker, features)[0] == 0.0


def test_the_vectors_of_negatives_alone_get_a_gradient() -> None:
    """Item 20 is nowhere but beside a behaviour."""
    inputs, features = with_negatives(PLAIN, 9)
    features = {name: np.where(values == 20, 1, values) if "item" in name else values
                for name, values in features.items()}  # fmt: skip
    features["history_negative_item"][4, 2] = 20
    ranker = dien(inputs)
    with tf.GradientTape() as tape:
        ranker({name: tf.constant(values) for name, values in features.items()}, training=True)
        (loss,) = ranker.losses
    gradient = tf.convert_to_tensor(tape.gradient(loss, ranker.encoder.items.items.table.value)).numpy()
    assert np.abs(gradient[20]).sum() > 0.0


def test_inference_needs_no_negatives_and_is_the_same_with_and_without() -> None:
    inputs, features = with_negatives(PLAIN, 9)
    ranker, plain = dien(inputs), dien(PLAIN)
    plain.set_weights(ranker.get_weights())
    bare = {name: values for name, values in features.items() if name in inputs.tensors()}
    assert bare.keys() < features.keys()
    np.testing.assert_array_equal(clicks(ranker, bare), clicks(ranker, features))
    np.testing.assert_array_equal(clicks(ranker, bare), clicks(plain, bare))


CATEGORIES, LENGTH = 8, 8
EVOLVING = ModelInputs(tasks=("click",), item_rows=CATEGORIES + 1, history_length=LENGTH, history_age_buckets=4)


def drifted_or_not(count: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Interests move from one category to another; a click (1) is on where the interest went, none (0) on where it was.

    Both categories fill half of the history, so that how often they occur says nothing.
    """
    random = np.random.default_rng(seed)
    before = random.integers(1, CATEGORIES + 1, count)
    after = (before + random.integers(0, CATEGORIES - 1, count)) % CATEGORIES + 1
    assert (before != after).all()
    history = np.where(np.arange(LENGTH) < LENGTH // 2, before[:, None], after[:, None])
    label = random.integers(0, 2, count)
    features = {"item": np.where(label == 1, after, before), "history_item": history}
    return features | {"history_age": np.ones((count, LENGTH), np.int64)}, label.astype(np.float32)


def learned_auc(name: str, **hyperparameters: Any) -> float:
    keras.utils.set_random_seed(11)
    ranker = build_ranker(name, EVOLVING, {"embedding_dimension": 8, "tower_units": (16,), **hyperparameters})
    random = np.random.default_rng(11)
    for weight in ranker.trainable_variables:  # training may not leave the start if vectors are tiny
        weight.assign(weight.numpy() + random.normal(0.0, 0.3, weight.shape))
    ranker.compile(optimizer=LazyAdam(0.01))
    features, label = drifted_or_not(6000, 1)
    ranker.fit(features, {"click": label}, batch_size=100, epochs=5, verbose=0)
    features, label = drifted_or_not(2000, 2)
    return auc(label, clicks(ranker, features))


def test_where_an_interest_went_is_learned_and_sums_over_the_history_cannot() -> None:
    """DIN sees two categories, four times each, whichever came first: 0.5, of 2000 rows give or take 0.013."""
    assert 0.45 < learned_auc("din") < 0.55
    assert learned_auc("dien") > 0.9
