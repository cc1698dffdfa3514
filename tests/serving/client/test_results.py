"""Results of operations."""

from __future__ import annotations

import numpy as np
import pytest

from interestflow.serving.client import ClientError, Ranking
from interestflow.serving.client.results import to_text

RANKING = Ranking(
    ("a", "b", "c", "d"),
    {"click": np.array([0.1, 0.7, 0.7, 0.4], np.float32), "like": np.array([0.9, 0.2, 0.1, 0.3], np.float32)},
    3,
)


def test_the_best_come_first_and_equal_ones_in_the_order_of_the_request() -> None:
    assert [item for item, _ in RANKING.best()] == ["b", "c", "d", "a"]
    assert RANKING.best(1) == [("b", pytest.approx(0.7))]
    assert [item for item, _ in RANKING.best(2, "like")] == ["a", "d"]
    assert RANKING.best(0) == []
    assert len(RANKING.best(99)) == 4
    assert all(type(score) is float for _, score in RANKING.best())


def test_a_task_that_the_model_lacks_is_named() -> None:
    with pytest.raises(ClientError, match=r"^`task` should be one of click, like, received 'buy'$"):
        RANKING.best(task="buy")


def test_ids_become_text() -> None:
    assert [to_text(value) for value in ("é7".encode(), "é7", 7, b"\xff")] == ["é7", "é7", "7", "\ufffd"]
