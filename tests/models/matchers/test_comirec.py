"""ComiRec: which interest the training loss uses."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from interestflow.models.inputs import ModelInputs
from interestflow.models.registry import build_matcher
from tests.models.support.matcher_training import recall_of_liked_groups
from tests.models.support.random_features import RICH, make_catalogue, make_features

FEATURES = make_features(RICH, 9, full=True)


def build(inputs: ModelInputs = RICH, **hyperparameters: Any) -> Any:
    keras.utils.set_random_seed(2)
    return build_matcher("comirec", inputs, hyperparameters, make_catalogue(inputs))


def test_training_sees_the_interest_that_fits_the_target_best() -> None:
    """As the paper's, of three, by products 1, 5 and 2 in the first row and 3, -1 and 2 in the second."""
    users = np.array([[[1.0], [5.0], [2.0]], [[-3.0], [1.0], [-2.0]]], np.float32)
    items = np.array([[1.0], [-1.0]], np.float32)
    np.testing.assert_array_equal(build(readout="target").select_interests(users, items), [[[5.0]], [[-3.0]]])
    np.testing.assert_array_equal(build().select_interests(users, items), users)


def test_it_finds_what_popularity_cannot() -> None:
    """The five items of a user's group hold the target, which popularity finds for the largest group alone."""
    assert recall_of_liked_groups("comirec", {"embedding_dimension": 16}, epochs=20) > 0.95
