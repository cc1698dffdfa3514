"""Clicks of a generated log, each of which depends on the user's earlier clicks on the same category."""

from __future__ import annotations

import numpy as np

from interestflow.transforms.generator.config import LogGeneratorConfig
from interestflow.transforms.generator.visits import HOUR


def draw_clicks(
    config: LogGeneratorConfig,
    pair: np.ndarray,
    timestamp: np.ndarray,
    logit: np.ndarray,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the click of every impression.

    Warmth depends only on earlier clicks of the same user on the same category, so each such pair is a separate
    sequence. The loop runs over the position within a sequence, and all pairs advance at once.

    Args:
        config: the effect and half-life of recency.
        pair: int64 [N], a number for each pair of user and category.
        timestamp: int64 [N], milliseconds.
        logit: [N], the sum of all effects but recency.
        random: generator of all draws.

    Returns:
        The true probability of each click, float64 [N], and the clicks, bool [N].
    """
    order = np.lexsort((timestamp, pair))
    starts = np.flatnonzero(np.diff(pair[order], prepend=-1))
    lengths = np.diff(starts, append=len(order))
    longest_first = np.argsort(-lengths, kind="stable")
    starts, lengths = starts[longest_first], lengths[longest_first]

    half_life = config.recency_half_life_hours * HOUR
    threshold = random.random(len(pair))
    probability, click = np.empty(len(pair)), np.zeros(len(pair), dtype=bool)
    warmth, previous = np.zeros(len(starts)), timestamp[order[starts]]
    for position in range(int(lengths[0])):
        active = int(np.searchsorted(-lengths, -position, side="left"))
        row = order[starts[:active] + position]
        now = timestamp[row]
        warmth = warmth[:active] * np.exp2(-(now - previous[:active]) / half_life)
        chance = 1.0 / (1.0 + np.exp(-(logit[row] + config.recency_effect * -np.expm1(-warmth))))
        is_clicked = threshold[row] < chance
        probability[row], click[row] = chance, is_clicked
        warmth, previous = warmth + is_clicked, now
    return probability, click
