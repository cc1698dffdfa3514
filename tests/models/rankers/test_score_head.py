"""The rankers' last layers: one MLP for all tasks with an item bias, and one MLP per task."""

from __future__ import annotations

import numpy as np

from interestflow.models.rankers.score_head import ScoreHead, TaskHeads

VECTORS = np.array([[1.0, -2.0], [3.0, 4.0], [0.5, 0.0]], np.float32)
ITEMS = np.array([1, 3, 0])


def test_logits_by_hand() -> None:
    """A sum through a rectifier: 0, 7 and 0.5; times 2 and -1; the bias of item 3 is 10 and 20, padding's zero."""
    head = ScoreHead(2, (1,), item_rows=4)
    head(VECTORS, ITEMS)
    head.tower.dense[0].kernel.assign([[1.0], [1.0]])
    head.score.kernel.assign([[2.0, -1.0]])
    head.item_bias.table.assign([[5.0, 5.0], [0.0, 0.0], [0.0, 0.0], [10.0, 20.0]])
    np.testing.assert_allclose(head(VECTORS, ITEMS), [[0.0, 0.0], [24.0, 13.0], [1.0, -0.5]])


def test_the_item_bias_begins_at_zero_and_can_be_left_out() -> None:
    head, plain = ScoreHead(2, (4,), item_rows=4), ScoreHead(2, (4,))
    logits = head(VECTORS, ITEMS)
    plain(VECTORS, ITEMS)
    assert plain.item_bias is None
    plain.set_weights(head.get_weights()[:-1])
    np.testing.assert_array_equal(plain(VECTORS, ITEMS), logits)


def test_logits_are_float32_in_half_precision() -> None:
    head = ScoreHead(2, (4,), item_rows=4, dtype="mixed_float16")
    assert head(VECTORS, ITEMS).dtype == "float32"


def test_each_task_has_its_own_mlp() -> None:
    heads = TaskHeads(("click", "like"), (4,))
    logits = np.asarray(heads([VECTORS, VECTORS]))
    assert logits.shape == (3, 2)
    assert np.abs(logits[:, 0] - logits[:, 1]).max() > 0.01
    changed = np.asarray(heads([VECTORS, 2 * VECTORS]))
    np.testing.assert_array_equal(changed[:, 0], logits[:, 0])
    assert np.abs(changed[:, 1] - logits[:, 1]).max() > 0.01


def test_they_are_rebuilt_from_their_configuration() -> None:
    for head in (ScoreHead(2, (4, 3), "prelu", 0.1, True, 9, name="head"), TaskHeads(("a", "b"), (4,), "dice", 0.1)):
        assert type(head).from_config(head.get_config()).get_config() == head.get_config()
