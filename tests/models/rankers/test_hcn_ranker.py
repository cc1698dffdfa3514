"""HCN-style interests as a coarse ranker: scores are inner products, and labels are of impressions."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from interestflow.models.inputs import ModelInputs
from interestflow.models.optimizers.row_sparse import LazyAdam
from interestflow.models.rankers.hcn_ranker import HCNRanker
from interestflow.models.registry import build_ranker
from interestflow.transforms.area_under_curve import area_under_curve
from tests.models.support.random_features import PLAIN, RICH, make_features, move_weights


def hcn_ranker(inputs: ModelInputs, **hyperparameters: object) -> HCNRanker:
    keras.utils.set_random_seed(1)
    ranker = build_ranker("hcn_ranker", inputs, {"embedding_dimension": 8, "interests": 3, **hyperparameters})
    assert isinstance(ranker, HCNRanker)
    move_weights(ranker)
    return ranker


def test_a_logit_is_of_inner_products_and_of_each_side_alone() -> None:
    """By hand, from six vectors of a user and one of an item; 20 items, whose vectors know nothing of users."""
    model = hcn_ranker(RICH, readout_temperature=0.5)
    features = make_features(RICH, 12, full=True)
    user = model.encode_user(features)
    interests, items = np.asarray(user["interests"]), np.asarray(model.space.item(features))
    assert interests.shape == (12, 6, model.space.width)
    products = np.einsum("bkd,bd->bk", interests, items)
    weights = np.exp(products / 0.5) / np.sum(np.exp(products / 0.5), axis=1, keepdims=True)
    best = np.sum(weights * products, axis=1, keepdims=True)
    kernel, bias = (np.asarray(weight) for weight in (model.product_weight.kernel, model.product_weight.bias))
    expected = best @ kernel + bias + user["logits"] + model.item_bias(features["item"])
    logits = np.stack([model(features)[task] for task in RICH.tasks], axis=1)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


def test_what_was_lately_and_what_was_before_are_not_the_same() -> None:
    model, features = hcn_ranker(PLAIN, recent_length=2, item_bias=False), make_features(PLAIN, 9, full=True)
    turned = features | {"history_item": np.roll(features["history_item"], 2, axis=1)}
    assert np.all(np.abs(np.asarray(model(turned)["click"]) - np.asarray(model(features)["click"])) > 1e-4)


def test_it_learns_which_impressions_were_taken() -> None:
    """Users of three of ten groups of items; an impression is clicked if it is of one of them. An AUC of 0.5 is chance.

    Their mean would do here as well: what centres are good for is asked in `test_hcn.py`.
    """
    inputs = ModelInputs(tasks=("click",), item_rows=51, history_length=12, history_age_buckets=2)
    random = np.random.default_rng(1)
    user_groups = np.argsort(random.random((4000, 10)), axis=1)[:, :3]
    which = user_groups[np.arange(4000)[:, None], random.integers(0, 3, (4000, 12))]
    item = random.integers(1, 51, 4000)
    label = np.any(user_groups == (item[:, None] - 1) // 5, axis=1).astype(np.float32)
    history = 1 + 5 * which + random.integers(0, 5, which.shape)
    features = {"item": item, "history_item": history, "history_age": np.ones_like(history)}
    keras.utils.set_random_seed(1)
    model = build_ranker("hcn_ranker", inputs, {"embedding_dimension": 8})
    optimizer = LazyAdam(0.01)
    optimizer.build(model.trainable_variables)

    @tf.function(autograph=False)
    def step(batch: dict[str, tf.Tensor], labels: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = model.compute_loss(y={"click": labels}, y_pred=model(batch, training=True))
        weights = model.trainable_variables
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)

    for _ in range(5):
        for rows in np.split(random.permutation(3000), 12):
            step({name: tf.constant(values[rows]) for name, values in features.items()}, tf.constant(label[rows]))
    held_out = {name: values[3000:] for name, values in features.items()}
    assert area_under_curve(label[3000:], np.asarray(model(held_out)["click"])) > 0.9
