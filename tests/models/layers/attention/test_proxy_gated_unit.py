"""The proxy-gated unit with closed gates, open gates, and gates shared by all tokens."""

from __future__ import annotations

import numpy as np
import pytest

from interestflow.models.layers.attention.proxy_gated_unit import ProxyGatedUnit

TOKENS = np.arange(12.0, dtype=np.float32).reshape(1, 3, 4)
PROXIES = np.ones((1, 2, 4), np.float32)


def build_layer(bias: float, shift: bool = False) -> ProxyGatedUnit:
    layer = ProxyGatedUnit(5, shift)
    layer.build((None, None, 4), (None, 2, 4))
    layer.gate.kernel.assign(np.zeros(layer.gate.kernel.shape))
    layer.gate.bias.assign(np.full(layer.gate.bias.shape, bias))
    return layer


@pytest.mark.parametrize(("bias", "share"), [(-1e4, 0.0), (0.0, 0.5), (1e4, 1.0)])
def test_a_gate_from_closed_to_open(bias: float, share: float) -> None:
    np.testing.assert_allclose(build_layer(bias)(TOKENS, PROXIES), share * TOKENS, rtol=1e-6)


def test_the_second_version_shifts_too() -> None:
    np.testing.assert_allclose(build_layer(0.0, shift=True)(TOKENS, PROXIES), 0.5 * TOKENS, rtol=1e-6)
    np.testing.assert_allclose(build_layer(20.0, shift=True)(TOKENS, PROXIES), TOKENS + 20.0, rtol=1e-5)


def test_the_gate_depends_on_the_proxies_and_is_the_same_for_all_tokens() -> None:
    layer = ProxyGatedUnit(5)
    layer.build((None, None, 4), (None, 2, 4))
    ones = np.ones((1, 3, 4), np.float32)
    gates = np.asarray(layer(ones, PROXIES))
    np.testing.assert_allclose(gates[0, 1:], gates[0, :-1])
    assert np.abs(np.asarray(layer(ones, 3 * PROXIES)) - gates).max() > 1e-3
