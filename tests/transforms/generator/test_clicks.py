"""Clicks whose probability rises with earlier clicks on the same category, worked out by hand."""

from __future__ import annotations

import math

import numpy as np

from interestflow.transforms.generator.clicks import draw_clicks
from interestflow.transforms.generator.config import LogGeneratorConfig
from interestflow.transforms.generator.visits import HOUR

CONFIG = LogGeneratorConfig(recency_effect=2.0, recency_half_life_hours=1.0)


def sigmoid(logit: float) -> float:
    """Return the probability of a logit."""
    return 1.0 / (1.0 + math.exp(-logit))


def test_warmth_is_the_sum_of_earlier_clicks_halved_every_hour() -> None:
    """Pair 0 is clicked at 0 and 1 h, certain with a logit of 50, and shown again at 3 h; pair 1 is shown once."""
    pair = np.array([0, 1, 0, 0])
    timestamp = np.array([0, 0, 1, 3]) * HOUR
    logit = np.array([50.0, -1.0, 50.0, -1.0])
    probability, click = draw_clicks(CONFIG, pair, timestamp, logit, np.random.default_rng(1))
    warmth = 2.0**-3 + 2.0**-2
    np.testing.assert_allclose(probability[1], sigmoid(-1.0))
    np.testing.assert_allclose(probability[3], sigmoid(-1.0 + 2.0 * (1.0 - math.exp(-warmth))))
    assert click[[0, 2]].all()


def test_an_impression_without_a_click_warms_nothing() -> None:
    probability, click = draw_clicks(
        CONFIG, np.zeros(2, int), np.array([0, HOUR]), np.array([-50.0, 0.5]), np.random.default_rng(1)
    )
    assert not click[0]
    np.testing.assert_allclose(probability[1], sigmoid(0.5))
