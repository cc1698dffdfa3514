"""The matcher's interface on a tiny one: two interests a user, made of the history's first and last item."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.matchers.base import Matcher
from interestflow.models.matchers.popularity_spec import PopularityHyperparameters

INPUTS = ModelInputs(tasks=("click",), item_rows=4, history_length=2, history_age_buckets=2)


class FirstAndLast(Matcher):
    Hyperparameters = PopularityHyperparameters

    def __init__(self) -> None:
        super().__init__(INPUTS, PopularityHyperparameters())
        self.items = EmbeddingTable(4, 2)

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        history = self.items(features["history_item"])
        return ops.stack([history[:, 0], history[:, -1]], axis=1)

    def encode_items(self, features: dict[str, Any], training: bool | None = None) -> Any:
        return self.items(features["item"])


@pytest.fixture
def matcher() -> FirstAndLast:
    """Return a matcher in which items 1, 2, 3 are (1, 0), (0, 1), (2, -1)."""
    matcher = FirstAndLast()
    matcher.items.build()
    matcher.items.table.assign([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [2.0, -1.0]])
    return matcher


def test_an_item_is_scored_by_the_interest_that_fits_it_best(matcher: FirstAndLast) -> None:
    """User 0 has (1, 0) and (0, 1), user 1 (2, -1) twice; inner products by hand."""
    users = matcher.encode_user({"history_item": np.array([[1, 2], [3, 3]])})
    items = matcher.encode_items({"item": np.array([1, 2, 3])})
    np.testing.assert_array_equal(matcher.score(users, items), [[1.0, 1.0, 2.0], [2.0, -1.0, 5.0]])


def test_the_call_scores_each_rows_own_target(matcher: FirstAndLast) -> None:
    features = {"history_item": np.array([[1, 2], [3, 3]]), "item": np.array([3, 2])}
    users, items = matcher.encode_user(features), matcher.encode_items(features)
    np.testing.assert_array_equal(matcher(features), np.diag(matcher.score(users, items)))
    np.testing.assert_array_equal(matcher(features), [2.0, -1.0])


def test_scores_are_float32_from_half_vectors(matcher: FirstAndLast) -> None:
    """100 * 1000 is beyond float16."""
    users, items = np.full((1, 1, 1), 100.0, np.float16), np.full((1, 1), 1000.0, np.float16)
    np.testing.assert_array_equal(matcher.score(users, items), [[100_000.0]])
