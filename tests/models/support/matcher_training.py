"""Helpers that train matchers on synthetic logs and measure their recall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.models.matchers.base import Matcher
from interestflow.models.optimizers.row_sparse import LazyAdam
from interestflow.models.registry import build_matcher


def build_step(matcher: Matcher, optimizer: keras.optimizers.Optimizer) -> Callable[[dict[str, Any]], None]:
    """Return a function that trains `matcher` on one batch of positives."""
    weights = matcher.trainable_variables
    optimizer.build(weights)

    @tf.function(autograph=False)
    def step(batch: dict[str, Any]) -> None:
        with tf.GradientTape() as tape:
            loss = matcher.training_loss(batch)
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)

    return step


def train(
    name: str,
    inputs: ModelInputs,
    hyperparameters: dict[str, Any],
    features: dict[str, np.ndarray],
    *,
    epochs: int,
    batch_size: int = 500,
    learning_rate: float = 0.01,
    seed: int = 1,
) -> Matcher:
    """Return the matcher `name` after `epochs` over the positives `features`, of items without attributes."""
    keras.utils.set_random_seed(seed)
    counts = np.bincount(features["item"], minlength=inputs.item_rows)
    matcher = build_matcher(name, inputs, hyperparameters, Catalogue.from_ids(inputs, counts))
    step = build_step(matcher, LazyAdam(learning_rate))
    count = len(features["item"])
    for epoch in range(epochs):
        matcher.on_epoch_begin(epoch)
        order = np.random.default_rng(epoch).permutation(count)
        for start in range(0, count - batch_size + 1, batch_size):
            rows = order[start : start + batch_size]
            step({key: tf.constant(values[rows]) for key, values in features.items()})
    return matcher


def recall(matcher: Matcher, features: dict[str, np.ndarray], among: int) -> float:
    """Return the share of targets that are among the first items, padding left out."""
    ids = np.arange(1, matcher.inputs_description.item_rows)
    scores = matcher.score(matcher.encode_user(features), matcher.encode_items(matcher.catalogue.features(ids)))
    first = 1 + np.argsort(-np.asarray(scores), axis=1)[:, :among]
    return float(np.mean(np.any(first == features["item"][:, None], axis=1)))


GROUPS, PER_GROUP, LENGTH, USERS = 8, 5, 6, 200
LIKED_GROUPS = ModelInputs(
    tasks=("click",), item_rows=41, history_length=LENGTH, history_age_buckets=2, user_rows=USERS + 1
)


def liked_groups(seed: int) -> dict[str, np.ndarray]:
    """Return ten positives of each user, all of one liked group; some groups are liked by more users."""
    user = np.repeat(np.arange(1, USERS + 1), 10)
    liked = np.minimum(np.random.default_rng(0).geometric(0.3, USERS + 1), GROUPS) - 1
    random = np.random.default_rng(seed)
    items = 1 + liked[user][:, None] * PER_GROUP + random.integers(0, PER_GROUP, (len(user), LENGTH + 1))
    ages = np.ones((len(user), LENGTH), np.int64)
    return {"user": user, "item": items[:, -1], "history_item": items[:, :-1], "history_age": ages}


def recall_of_liked_groups(name: str, hyperparameters: dict[str, Any], epochs: int) -> float:
    """Return the share of targets among as many items as a group has, after training on `liked_groups`."""
    matcher = train(name, LIKED_GROUPS, hyperparameters, liked_groups(1), epochs=epochs, learning_rate=0.03)
    return recall(matcher, liked_groups(2), PER_GROUP)
