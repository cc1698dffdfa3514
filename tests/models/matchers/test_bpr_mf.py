"""BPR-MF: a user is an id."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from interestflow.models.inputs import ModelInputs
from interestflow.models.registry import build_matcher
from tests.models.support.matcher_training import recall_of_liked_groups
from tests.models.support.random_features import PLAIN, RICH, make_catalogue, make_features

FEATURES = make_features(RICH, 9, full=True)


def build(inputs: ModelInputs = RICH, **hyperparameters: Any) -> Any:
    keras.utils.set_random_seed(2)
    return build_matcher("bpr_mf", inputs, hyperparameters, make_catalogue(inputs))


def test_bpr_mf_knows_a_user_by_the_id_alone() -> None:
    model = build()
    other_features = make_features(RICH, 9, seed=5, full=True) | {"user": FEATURES["user"]}
    np.testing.assert_array_equal(model.encode_user(other_features), model.encode_user(FEATURES))
    with pytest.raises(ValueError, match=r"`model\.name` bpr_mf needs the ids of users among its inputs"):
        build(PLAIN)


def test_it_finds_what_popularity_cannot() -> None:
    """The five items of a user's group hold the target, which popularity finds for the largest group alone."""
    assert recall_of_liked_groups("bpr_mf", {"embedding_dimension": 16}, epochs=20) > 0.95
