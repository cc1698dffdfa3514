"""The rankers' interface: users repeated for their candidates, logits by task, and the sum of the tasks' losses."""

from __future__ import annotations

import numpy as np
import pytest

from interestflow.models.rankers.base import repeat_per_candidate
from interestflow.models.registry import build_ranker
from tests.models.support.random_features import RICH


def test_a_users_tensors_are_repeated_next_to_one_another() -> None:
    user = {"interest": np.array([[1.0], [2.0]]), "mask": np.array([[True], [False]])}
    repeated = repeat_per_candidate(user, 3)
    np.testing.assert_array_equal(repeated["interest"], [[1.0]] * 3 + [[2.0]] * 3)
    np.testing.assert_array_equal(repeated["mask"], [[True]] * 3 + [[False]] * 3)


def test_scores_are_split_by_task_in_float32() -> None:
    ranker = build_ranker("pooled", RICH, {"embedding_dimension": 4})
    logits = ranker.to_logits(np.array([[1.0, 2.0], [3.0, 4.0]], np.float16))
    np.testing.assert_array_equal(logits["click"], [1.0, 3.0])
    np.testing.assert_array_equal(logits["like"], [2.0, 4.0])
    assert logits["click"].dtype == "float32"


def test_the_loss_is_the_sum_over_tasks_of_the_labelled_examples() -> None:
    """Logits of 0 cost log 2 per task, whatever the labels; the second example has no label for likes."""
    ranker = build_ranker("pooled", RICH, {"embedding_dimension": 4})
    labels = {"click": np.array([1.0, 0.0]), "like": np.array([1.0, 1.0])}
    logits = {"click": np.zeros(2, np.float32), "like": np.array([0.0, 50.0], np.float32)}
    loss = ranker.compute_loss(None, labels, logits, {"like": np.array([1.0, 0.0])})
    assert float(loss) == pytest.approx(2 * np.log(2.0), rel=1e-5)
