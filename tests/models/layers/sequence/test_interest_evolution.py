"""Recurrent cells gated by attention: without it the state stays, with full attention a step is an ordinary one."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from interestflow.models.layers.sequence.interest_evolution import CELLS, EvolutionCell, InterestEvolution

B, T, D = 3, 5, 4


def build_layer(cell: str) -> InterestEvolution:
    keras.utils.set_random_seed(3)
    layer = InterestEvolution(D, cell)
    layer.build((None, None, D))
    random = np.random.default_rng(1)
    for weight in layer.trainable_variables:
        weight.assign(random.normal(0.0, 0.7, weight.shape))
    return layer


def inputs(seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(B, T, D)).astype(np.float32)


ALL = np.ones((B, T), bool)


def compute_by_hand(layer: InterestEvolution, x: np.ndarray, attention: np.ndarray) -> np.ndarray:
    """Compute the last state by the equations of the class, in NumPy."""
    w, b = (np.asarray(weight) for weight in layer.projection.weights)
    u = np.asarray(layer.steps.cell.recurrent)
    state = np.zeros((B, D))
    for t in range(T):
        a = attention[:, t, None]
        source = a * x[:, t] if layer.cell == "aigru" else x[:, t]
        z, r, h = np.split(source @ w + b, 3, axis=1)
        uz, ur, uh = np.split(state @ u, 3, axis=1)
        z, r = 1 / (1 + np.exp(-(z + uz))), 1 / (1 + np.exp(-(r + ur)))
        candidate = np.tanh(h + r * uh)
        share = {"aigru": z, "augru": a * z, "augru_released": 1 - (1 - a) * z}[layer.cell]
        state = (1 - share) * state + share * candidate
    return state


@pytest.mark.parametrize("cell", ["aigru", "augru", "augru_released"])
def test_the_equations(cell: str) -> None:
    layer, attention = build_layer(cell), np.random.default_rng(4).uniform(0, 1, (B, T)).astype(np.float32)
    np.testing.assert_allclose(
        layer(inputs(), attention, ALL), compute_by_hand(layer, inputs(), attention), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("cell", ["agru", "augru"])
def test_without_attention_the_state_stays(cell: str) -> None:
    np.testing.assert_array_equal(build_layer(cell)(inputs(), np.zeros((B, T), np.float32), ALL), np.zeros((B, D)))


def test_the_released_cell_updates_without_attention() -> None:
    assert np.abs(build_layer("augru_released")(inputs(), np.zeros((B, T), np.float32), ALL)).min() > 1e-4


def test_full_attention_is_the_gated_recurrent_unit_of_keras() -> None:
    """Keras's update gate keeps the state where the paper's renews it, so that its weights have the opposite sign."""
    layer = build_layer("augru")
    keras_gru = keras.layers.GRU(D, reset_after=True)
    keras_gru.build((None, None, D))
    w, b = (np.asarray(weight) for weight in layer.projection.weights)
    u = np.asarray(layer.steps.cell.recurrent)
    sign = np.concatenate([-np.ones(D), np.ones(2 * D)])
    keras_gru.set_weights([w * sign, u * sign, np.stack([b * sign, np.zeros(3 * D)])])
    np.testing.assert_allclose(
        layer(inputs(), np.ones((B, T), np.float32), ALL), keras_gru(inputs()), rtol=1e-4, atol=1e-5
    )


def test_with_full_attention_agru_is_its_candidate() -> None:
    layer = build_layer("agru")
    one = layer(inputs()[:, :1], np.ones((B, 1), np.float32), ALL[:, :1])
    w, b = (np.asarray(weight) for weight in layer.projection.weights)
    np.testing.assert_allclose(one, np.tanh((inputs()[:, 0] @ w + b)[:, D:]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_padding_has_no_influence(cell: str) -> None:
    layer, attention = build_layer(cell), np.full((B, T), 0.5, np.float32)
    mask = ALL.copy()
    mask[:, 3:] = False
    garbage = inputs()
    garbage[:, 3:] = 1e3
    short = layer(inputs()[:, :3], attention[:, :3], ALL[:, :3])
    np.testing.assert_allclose(layer(garbage, attention, mask), short, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(layer(inputs(), attention, np.zeros((B, T), bool)), np.zeros((B, D)))


def test_an_unknown_cell_is_rejected() -> None:
    with pytest.raises(ValueError, match="`cell` should be one of aigru, agru, augru, augru_released, received 'gru'"):
        EvolutionCell(4, "gru")
