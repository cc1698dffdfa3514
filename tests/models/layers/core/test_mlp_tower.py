"""The stack of dense layers, computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from interestflow.models.layers.core.batch_normalization import BatchNormalization
from interestflow.models.layers.core.dice import Dice
from interestflow.models.layers.core.mlp_tower import MLPTower

INPUTS = np.array([[1.0, -1.0], [2.0, 0.0]], np.float32)


def test_dense_then_activation() -> None:
    """[1, -1] W = [1, -1]; relu; times [1, 1] + 0.5 = 1.5. [2, 0] gives 2.5."""
    tower = MLPTower((2, 1))
    tower(INPUTS)
    tower.set_weights([np.eye(2), np.zeros(2), np.ones((2, 1)), np.array([0.5])])
    np.testing.assert_array_equal(tower(INPUTS), [[1.5], [2.5]])
    assert tower.compute_output_shape((7, 2)) == (7, 1)


def test_the_input_is_normalized_if_configured() -> None:
    tower = MLPTower((2,), batch_normalization=True)
    tower(INPUTS, training=True)
    assert isinstance(tower.normalization, BatchNormalization)
    np.testing.assert_allclose(tower.normalization.moving_mean, [0.15, -0.05], rtol=1e-5)  # a tenth of the mean
    assert MLPTower((2,)).normalization is None


def test_dropout_happens_in_training_only() -> None:
    tower = MLPTower((64,), "sigmoid", dropout=0.5)
    np.testing.assert_array_equal(tower(INPUTS), tower(INPUTS, training=False))
    dropped = np.asarray(tower(INPUTS, training=True)) == 0.0
    # The share of 128 outputs is 0.5 plus or minus four standard deviations of 0.044.
    assert 0.3 < dropped.mean() < 0.7


def test_every_layer_has_its_own_activation() -> None:
    tower = MLPTower((3, 2), "dice")
    tower(INPUTS)
    assert [type(layer) for layer in tower.activations] == [Dice, Dice]
    assert [layer.alpha.shape for layer in tower.activations] == [(3,), (2,)]


def test_it_is_rebuilt_from_its_configuration() -> None:
    tower = MLPTower((3, 2), "prelu", 0.1, True)
    other = MLPTower.from_config(tower.get_config())
    tower(INPUTS)
    other(INPUTS)
    other.set_weights(tower.get_weights())
    np.testing.assert_array_equal(tower(INPUTS), other(INPUTS))
    assert other.dropout == 0.1


def test_an_empty_tower_is_rejected() -> None:
    with pytest.raises(ValueError, match="`units` should have at least one layer, received none"):
        MLPTower(())
