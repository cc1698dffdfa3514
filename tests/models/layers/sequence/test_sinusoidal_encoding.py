"""Sines and cosines of times, by hand."""

from __future__ import annotations

import numpy as np

from interestflow.models.layers.sequence.sinusoidal_encoding import sinusoidal_encoding


def test_wavelengths_from_1_to_10000() -> None:
    """Three rates: 1, 1 / 100 and 1 / 10,000."""
    angles = np.array([[0.0, 0.0, 0.0], [3.0, 0.03, 0.0003]])
    expected = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    np.testing.assert_allclose(sinusoidal_encoding(np.array([0, 3]), 6), expected, atol=1e-6)
    np.testing.assert_allclose(sinusoidal_encoding(np.array([[3]]), 2), [[[np.sin(3.0), np.cos(3.0)]]], atol=1e-6)


def test_without_the_longest_wavelength_and_of_odd_width() -> None:
    """Two rates, 1 and 1 / 100, of a series that would end at 1 / 10,000; then a zero."""
    angles = np.array([3.0, 0.03])
    expected = [*np.sin(angles), *np.cos(angles), 0.0]
    np.testing.assert_allclose(sinusoidal_encoding(np.array([3]), 5, endpoint=False), [expected], atol=1e-6)
