"""Task-aware Information Flow Network: tokens, tasks that keep apart, a cost that grows with the steps."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from random_features import PLAIN, RICH, make_features

from models.infnet import INFNet
from models.inputs import CategoricalInput, ModelInputs
from models.optimizers.row_sparse import LazyAdam
from models.registry import build_ranker
from transforms.area_under_curve import area_under_curve as auc


def infnet(inputs: ModelInputs, **hyperparameters: Any) -> INFNet:
    """With weights as after some training."""
    ranker = build_ranker("infnet", inputs, {"embedding_dimension": 4, "tower_units": (8,), **hyperparameters})
    random = np.random.default_rng(1)
    for weight in ranker.trainable_variables:
        weight.assign(weight.numpy() + random.normal(0.0, 0.3, weight.shape))
    return ranker


@pytest.mark.parametrize("variant", ["v1", "v2"])
def test_the_order_of_the_steps_does_not_matter(variant: str) -> None:
    ranker, features = infnet(RICH, variant=variant, history_age=True), make_features(RICH, 9)
    order = np.random.default_rng(2).permutation(RICH.history_length)
    mixed = {name: values[:, order] if name.startswith("history_") else values for name, values in features.items()}
    for task, expected in ranker(features).items():
        np.testing.assert_allclose(ranker(mixed)[task], expected, rtol=1e-4, atol=1e-5)


def test_tasks_that_change_places_with_their_heads_change_their_answers() -> None:
    ranker, features = infnet(RICH), make_features(RICH, 9)
    before = {task: np.asarray(values) for task, values in ranker(features).items()}
    ranker.own_tasks.assign(ranker.own_tasks.numpy()[::-1])
    for layers in (ranker.towers, ranker.scores):
        first, second = layers[0].get_weights(), layers[1].get_weights()
        layers[0].set_weights(second)
        layers[1].set_weights(first)
    after = ranker(features)
    np.testing.assert_allclose(after["click"], before["like"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(after["like"], before["click"], rtol=1e-4, atol=1e-5)


def test_what_a_task_is_changes_what_the_fields_proxies_find() -> None:
    """Early task conditioning: other tasks' tokens, other fields after the first block."""
    ranker, features = infnet(RICH, blocks=3), make_features(RICH, 9)

    def fields_after_a_block() -> np.ndarray:
        found = {}
        real = ranker.blocks[0].call

        def noting(*arguments: Any) -> Any:
            tokens, proxies = real(*arguments)
            found["fields"] = np.asarray(tokens["fields"])
            return tokens, proxies

        ranker.blocks[0].call = noting
        ranker(features)
        ranker.blocks[0].call = real
        return found["fields"]

    before = fields_after_a_block()
    ranker.own_tasks.assign(ranker.own_tasks.numpy() + 1.0)
    assert np.abs(fields_after_a_block() - before).max() > 1e-4


def test_tasks_keep_apart_through_the_blocks() -> None:
    """Without residual and normalisation, three blocks make all tasks' tokens one (a spread of 0.000)."""
    keras.utils.set_random_seed(1)
    ranker = build_ranker("infnet", RICH, {"embedding_dimension": 16, "blocks": 3})
    found = []
    last = ranker.blocks[-1]
    real = last.call

    def noting(*arguments: Any) -> Any:
        tokens, proxies = real(*arguments)
        found.append(np.asarray(tokens["tasks"]))
        return tokens, proxies

    last.call = noting
    ranker(make_features(RICH, 14))
    tasks = found[0]
    assert np.abs(tasks[:, 0] - tasks[:, 1]).mean() > 0.2
    assert 0.5 < np.sqrt(np.mean(tasks**2)) < 2.0


def operations_of(length: int) -> float:
    """Floating-point operations of scoring one batch with histories of that length."""
    inputs = ModelInputs(tasks=("click", "like"), item_rows=21, history_length=length, history_age_buckets=8)
    ranker = build_ranker("infnet", inputs, {"embedding_dimension": 8})
    specs = {name: tf.TensorSpec((4, *shape), dtype) for name, (shape, dtype) in inputs.tensors().items()}
    graph = tf.function(lambda features: ranker(features, training=False)).get_concrete_function(specs).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    return float(tf.compat.v1.profiler.profile(graph, options=options).total_float_ops)


def test_the_cost_is_linear_in_the_history() -> None:
    small, middle, large = operations_of(256), operations_of(512), operations_of(1024)
    assert (large - middle) / (middle - small) == pytest.approx(2.0, rel=0.02)  # of self-attention it would be 4


CATEGORIES = 6
TWO_TASKS = ModelInputs(
    tasks=("click", "like"),
    item_rows=41,
    history_length=4,
    history_age_buckets=4,
    categorical=(
        CategoricalInput("category", CATEGORIES + 1, "item", None, True, False),
        CategoricalInput("mood", CATEGORIES + 1, "user", None, True, False),
    ),
)


def two_tasks(count: int, seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A click where the item's category is the user's mood; a like where it is the one after: other interactions of
    the same two fields for each task."""
    random = np.random.default_rng(seed)
    category, mood = random.integers(1, CATEGORIES + 1, (2, count))
    follow = random.integers(0, 3, count)  # half of the rows would hardly ever match by chance
    category = np.where(follow == 0, mood, np.where(follow == 1, mood % CATEGORIES + 1, category))
    features = {
        "item": random.integers(1, 41, count), "category": category, "mood": mood,
        "history_item": random.integers(1, 41, (count, 4)), "history_age": np.ones((count, 4), np.int64),
    }  # fmt: skip
    labels = {"click": category == mood, "like": category == mood % CATEGORIES + 1}
    return features, {task: label.astype(np.float32) for task, label in labels.items()}


def test_interactions_that_differ_by_task_are_learned() -> None:
    keras.utils.set_random_seed(11)
    ranker = build_ranker("infnet", TWO_TASKS, {"embedding_dimension": 8, "tower_units": (16,)})
    ranker.compile(optimizer=LazyAdam(0.01))
    features, labels = two_tasks(6000, 1)
    ranker.fit(features, labels, batch_size=100, epochs=4, verbose=0)
    features, labels = two_tasks(2000, 2)
    found = ranker(features)
    for task, label in labels.items():
        assert auc(label, np.asarray(found[task])) > 0.95, task


def test_what_a_matching_field_says_needs_both() -> None:
    """Either field alone says nothing of a click: the AUC of a model without the other stays near chance."""
    features, labels = two_tasks(4000, 3)
    for name in ("category", "mood"):
        rate = np.array([labels["click"][features[name] == value].mean() for value in range(1, CATEGORIES + 1)])
        assert np.ptp(rate) < 0.12


def test_plain_inputs_of_one_task_and_one_field() -> None:
    """No task beside its own, no field beside the item: attention over one token has nothing to choose."""
    ranker, features = infnet(PLAIN), make_features(PLAIN, 9, full=True)
    other = features | {"item": features["item"] % (PLAIN.item_rows - 1) + 1}
    assert np.median(np.abs(np.asarray(ranker(other)["click"]) - np.asarray(ranker(features)["click"]))) > 1e-3
