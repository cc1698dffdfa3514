"""The next-step auxiliary loss, computed by hand."""

from __future__ import annotations

import numpy as np

from interestflow.models.losses.next_step import next_step_loss


def softplus(x: float) -> float:
    return float(np.log1p(np.exp(x)))


def test_state_t_is_compared_with_behaviour_t_plus_one() -> None:
    """d = 1: states 1, 2, 3; behaviours 10, 0.5, -1; negatives 10, 2, 1. The second row's last step is padding."""
    states = np.array([[[1.0], [2.0], [3.0]]] * 2)
    behaviours = np.array([[[10.0], [0.5], [-1.0]]] * 2)
    negatives = np.array([[[10.0], [2.0], [1.0]]] * 2)
    valid = np.array([[True, True, True], [True, True, False]])
    first = softplus(-1.0 * 0.5) + softplus(1.0 * 2.0)
    second = softplus(-2.0 * -1.0) + softplus(2.0 * 1.0)
    np.testing.assert_allclose(
        next_step_loss(states, behaviours, negatives, valid), (2 * first + second) / 3, rtol=1e-6
    )


def test_uninformative_states_cost_two_bits_and_padding_nothing() -> None:
    """The loss is 1.39, twice the log of 2, for 10 behaviours in 100 steps; averaged over padding it would be 0.13."""
    zeros, valid = np.zeros((1, 100, 2)), np.arange(100)[None] < 10
    np.testing.assert_allclose(next_step_loss(zeros, zeros, zeros, valid), 2 * np.log(2), rtol=1e-6)
    assert float(next_step_loss(zeros, zeros, zeros, np.zeros((1, 100), bool))) == 0.0
