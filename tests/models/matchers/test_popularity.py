"""Popularity: every user gets the same items, ordered by their counts."""

from __future__ import annotations

import numpy as np

from interestflow.models.catalogue import Catalogue
from interestflow.models.registry import build_matcher
from tests.models.support.matcher_training import recall_of_liked_groups
from tests.models.support.random_features import PLAIN, make_features


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


def test_it_finds_the_targets_of_the_largest_group_alone() -> None:
    """The five items of a user's group hold the target: 0.3 of users like the largest group."""
    assert 0.2 < recall_of_liked_groups("popularity", {}, epochs=0) < 0.4
