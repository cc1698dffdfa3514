"""Vectors and item bias of matchers that train by a retrieval loss."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from interestflow.models.inputs import ModelInputs
from interestflow.models.registry import build_matcher
from tests.models.support.random_features import RICH, make_catalogue, make_features

FEATURES = make_features(RICH, 9, full=True)


def build(name: str, inputs: ModelInputs = RICH, **hyperparameters: Any) -> Any:
    keras.utils.set_random_seed(2)
    return build_matcher(name, inputs, hyperparameters, make_catalogue(inputs))


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
