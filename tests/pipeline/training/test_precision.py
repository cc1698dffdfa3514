"""The policy of layers inside and after a context of mixed precision."""

from __future__ import annotations

import keras
import pytest

from interestflow.pipeline.training.precision import mixed_precision


def test_layers_compute_in_half_precision_inside_alone() -> None:
    previous = keras.config.dtype_policy()
    with mixed_precision(True):
        layer = keras.layers.Dense(1)
        assert layer.compute_dtype == "bfloat16"
        assert layer.variable_dtype == "float32"
    assert keras.config.dtype_policy() == previous


def test_without_it_the_policy_stays() -> None:
    previous = keras.config.dtype_policy()
    with mixed_precision(False):
        assert keras.config.dtype_policy() == previous


def test_an_error_inside_restores_the_policy() -> None:
    previous = keras.config.dtype_policy()
    with pytest.raises(KeyError), mixed_precision(True):
        raise KeyError
    assert keras.config.dtype_policy() == previous
