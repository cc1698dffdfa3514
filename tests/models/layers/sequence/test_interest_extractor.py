"""The extractor is Keras's gated recurrent unit, with a faster gradient."""

from __future__ import annotations

import numpy as np
import pytest

from interestflow.models.layers.sequence.interest_extractor import InterestExtractor
from tests.models.layers.sequence.recurrences import (
    STEPS,
    UNITS,
    assert_all_close,
    extractor_and_gru,
    random_inputs,
    value_and_gradients,
)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_states_and_gradients_are_those_of_keras_gated_recurrent_unit(rows: int) -> None:
    extractor, gru = extractor_and_gru()
    expected = value_and_gradients(gru, [gru], random_inputs(rows))
    assert expected[0].shape == (rows, STEPS, UNITS)
    results = value_and_gradients(lambda x: extractor(x, training=True), [extractor], random_inputs(rows))
    assert_all_close(results, expected)


def test_inference_returns_the_same_states_as_training() -> None:
    extractor, _ = extractor_and_gru()
    x = random_inputs(2)
    np.testing.assert_allclose(extractor(x), extractor(x, training=True), rtol=2e-4, atol=2e-5)


def test_no_rows_have_no_states() -> None:
    extractor, _ = extractor_and_gru()
    result, *gradients = value_and_gradients(lambda x: extractor(x, training=True), [extractor], random_inputs(0))
    assert result.shape == (0, STEPS, UNITS)
    assert all(not np.any(gradient) for gradient in gradients)


def test_all_states_are_returned_whatever_is_asked_for() -> None:
    assert InterestExtractor(UNITS, return_sequences=False).return_sequences
