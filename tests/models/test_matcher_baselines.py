"""Popularity, the mean-pooled two-tower, ComiRec and BPR-MF: what each makes of a small log."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.models.registry import build_matcher
from tests.models.matcher_training import recall, train
from tests.models.random_features import PLAIN, RICH, make_catalogue, make_features

FEATURES = make_features(RICH, 9, full=True)


def build(name: str, inputs: ModelInputs = RICH, **hyperparameters: Any) -> Any:
    keras.utils.set_random_seed(2)
    return build_matcher(name, inputs, hyperparameters, make_catalogue(inputs))


def test_everybody_gets_what_is_taken_most() -> None:
    """Items of counts 0, 1 and 3 have log 1, log 2 and log 4, for whomever."""
    counts = np.zeros(21, np.float32)
    counts[[4, 9]] = 1.0, 3.0
    model = build_matcher("popularity", PLAIN, {}, Catalogue.from_ids(PLAIN, counts))
    users = model.encode_user(make_features(PLAIN, 2))
    scores = model.score(users, model.encode_items({"item": np.array([1, 4, 9])}))
    np.testing.assert_allclose(scores, [np.log([1.0, 2.0, 4.0])] * 2, rtol=1e-6)
    assert model.trainable_variables == []
    assert model.training_loss(make_features(PLAIN, 2)) == 0.0


def test_a_user_is_the_mean_of_the_history() -> None:
    model = build("two_tower", PLAIN, embedding_dimension=3, item_bias=False)
    table = model.space.items.items.table
    table.assign(np.arange(63.0).reshape(21, 3))
    history = {"history_item": np.array([[1, 3, 0, 0, 0, 0]]), "history_age": np.ones((1, 6), np.int64)}
    np.testing.assert_allclose(model.encode_user(history), [[(table.numpy()[1] + table.numpy()[3]) / 2]])
    np.testing.assert_array_equal(model.encode_items({"item": np.array([5])}), table.numpy()[[5]])


def test_the_order_of_the_history_does_not_matter_to_a_mean() -> None:
    model = build("two_tower", tower_units=(8,), history_age=True)
    order = np.random.default_rng(2).permutation(6)
    mixed = {name: values[:, order] if name.startswith("history_") else values for name, values in FEATURES.items()}
    np.testing.assert_allclose(model(mixed), model(FEATURES), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["two_tower", "comirec", "hcn"])
def test_normalised_vectors_have_length_1_before_the_items_own_number(name: str) -> None:
    model = build(name, normalize=True)
    users, items = np.asarray(model.encode_user(FEATURES)), np.asarray(model.encode_items(FEATURES))
    np.testing.assert_allclose(np.linalg.norm(users[..., :-1], axis=-1), 1.0, rtol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(items[..., :-1], axis=-1), 1.0, rtol=1e-4)
    np.testing.assert_array_equal(users[..., -1], 1.0)


def test_the_items_own_number_is_added_to_its_score() -> None:
    model = build("comirec")
    before = np.asarray(model(FEATURES))
    model.item_bias.table.assign_add(np.arange(21.0)[:, None])
    np.testing.assert_allclose(np.asarray(model(FEATURES)) - before, FEATURES["item"], rtol=1e-4)


def test_training_sees_the_interest_that_fits_the_target_best() -> None:
    """As the paper's, of three, by products 1, 5 and 2 in the first row and 3, -1 and 2 in the second."""
    users = np.array([[[1.0], [5.0], [2.0]], [[-3.0], [1.0], [-2.0]]], np.float32)
    items = np.array([[1.0], [-1.0]], np.float32)
    np.testing.assert_array_equal(
        build("comirec", readout="target").select_interests(users, items), [[[5.0]], [[-3.0]]]
    )
    np.testing.assert_array_equal(build("comirec").select_interests(users, items), users)


def test_bpr_mf_knows_a_user_by_the_id_alone() -> None:
    model = build("bpr_mf")
    others = make_features(RICH, 9, seed=5, full=True) | {"user": FEATURES["user"]}
    np.testing.assert_array_equal(model.encode_user(others), model.encode_user(FEATURES))
    with pytest.raises(ValueError, match=r"`model\.name` bpr_mf needs the ids of users among its inputs"):
        build("bpr_mf", PLAIN)


GROUPS, PER_GROUP, LENGTH, USERS = 8, 5, 6, 200
INPUTS = ModelInputs(tasks=("click",), item_rows=41, history_length=LENGTH, history_age_buckets=2, user_rows=USERS + 1)


def log(seed: int) -> dict[str, np.ndarray]:
    """Ten positives of each user, all of the group that the user likes; some groups are liked by more users."""
    user = np.repeat(np.arange(1, USERS + 1), 10)
    liked = np.minimum(np.random.default_rng(0).geometric(0.3, USERS + 1), GROUPS) - 1
    random = np.random.default_rng(seed)
    items = 1 + liked[user][:, None] * PER_GROUP + random.integers(0, PER_GROUP, (len(user), LENGTH + 1))
    ages = np.ones((len(user), LENGTH), np.int64)
    return {"user": user, "item": items[:, -1], "history_item": items[:, :-1], "history_age": ages}


@pytest.mark.parametrize("name", ["two_tower", "comirec", "bpr_mf"])
def test_they_find_what_popularity_cannot(name: str) -> None:
    """The five items of a user's group hold the target. Popularity finds it for those of the largest group: 0.3."""
    popular = recall(train("popularity", INPUTS, {}, log(1), epochs=0), log(2), PER_GROUP)
    assert 0.2 < popular < 0.4
    sizes = {"embedding_dimension": 16}
    assert recall(train(name, INPUTS, sizes, log(1), epochs=20, learning_rate=0.03), log(2), PER_GROUP) > 0.95
