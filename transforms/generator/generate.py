"""Generator of interaction logs whose click probabilities are known. Our own construction.

Every user has a few interests, each a category with an intensity, and now and then replaces one by another. Items
belong to one category and are drawn by popularity, some only from the day of their release. An impression is drawn
either from the user's interests or by popularity alone. Its click is a Bernoulli draw with

    logit = base
          + interest_effect * intensity of the user's interest in the item's category, 0 without such an interest
          + recency_effect  * (1 - exp(-warmth)),  warmth = sum over the user's earlier clicks on that category
                                                            of 2^(-age / half-life)
          + context_effect  * (device + hour)
          + order_effect    if the category is among the last `order_steps` shown to the user
          + drift_effect    if the category follows, on a ring of all categories, the last one shown to the user
          + task_effect     if the category is among those interests of the user that the label depends on
          + a bias of the user and a bias of the item

so that a model has to look up the category of the target in the recent history: an average over all interests says
little, popularity and user alone say next to nothing. Interests are drawn as often as their category is shown, which
keeps an item's own click rate from giving the answer away. With `order_effect` or `drift_effect` alone (both are 0
unless set), the set of behaviours in a history says little and their order nearly all; `drift_share` of the impressions
are then of the category that follows.

With `task_effect`, impressions are of two kinds, which show one half of the user's interests each, and of each event
one of two labels is observed, a click or a like: a click depends on the first kind's interests, a like on the second's.
So the same history and category mean something different for each task, and a behaviour says little without its kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from interestflow.transforms.generator.clicks import draw_clicks
from interestflow.transforms.generator.config import LogGeneratorConfig
from interestflow.transforms.generator.items import (
    ItemCatalogue,
    draw_catalogue,
    draw_categories,
    draw_interests,
    draw_items,
)
from interestflow.transforms.generator.kinds import KINDS, LABELS, Kinds, draw_kinds, matches_label
from interestflow.transforms.generator.sequences import advance_categories, is_among_last, is_next
from interestflow.transforms.generator.visits import DAY, DEVICES, HOUR, START_MILLISECONDS, Visits, draw_visits

DEVICE_EFFECTS = np.array([0.0, 0.5, 0.25, -0.5])
"""Parts of `context_effect` by device; together with the hour's, the most favourable context has 1."""
HOUR_EFFECTS = np.where(np.isin(np.arange(24), (18, 19, 20, 21, 22)), 0.5, 0.0)

AGE_GROUPS = ("18-24", "25-34", "35-49", "50-64", "65+")
AGE_GROUP_SHARES = (0.2, 0.3, 0.25, 0.15, 0.1)
AGE_GROUP_EFFECTS = np.array([0.2, 0.1, 0.0, -0.1, -0.2])
COUNTRIES = ("de", "fr", "in", "us")

USER_DEVIATION, ITEM_DEVIATION = 0.2, 0.2
"""Standard deviations of the biases of users and items, in logits."""


@dataclass(frozen=True)
class GeneratedLog:
    """The three tables of a generated log.

    Attributes:
        events: `user`, `item`, `timestamp` (milliseconds since 1970, int64, rising within a user), `click` (0 or 1,
            int64), `true_probability` (float64), `device` (text), `hour` (UTC, int64); ordered by time. With
            `task_effect` also `like` (0 or 1), `kind` (feed or search), and `asked` (click or like), the label that is
            observed: the other is 0, and the probability is the observed one's.
        items: `item`, `category`.
        users: `user`, `age_group`, `country`.
    """

    events: pl.DataFrame
    items: pl.DataFrame
    users: pl.DataFrame


class _Impressions(NamedTuple):
    """Categories and items that were shown in N impressions.

    Attributes:
        interests: [N, interests], the user's interests on the day.
        intensities: [N, interests], their intensities.
        ring: all categories in the order in which they follow one another.
        category: [N], the category shown.
        item: [N], the item shown.
        kinds: kinds and observed labels; None without `task_effect`.
    """

    interests: np.ndarray
    intensities: np.ndarray
    ring: np.ndarray
    category: np.ndarray
    item: np.ndarray
    kinds: Kinds | None


def generate_log(config: LogGeneratorConfig) -> GeneratedLog:
    """Generate a log. Equal configurations give equal logs.

    Args:
        config: sizes and effects.

    Returns:
        The three tables, `config.events`, `config.items` and `config.users` rows long.
    """
    random = np.random.default_rng(config.seed)
    catalogue = draw_catalogue(config, random)
    age_group = random.choice(len(AGE_GROUPS), config.users, p=AGE_GROUP_SHARES)
    visits = draw_visits(config, random)
    impressions = _draw_impressions(config, catalogue, visits, random)

    user_bias = AGE_GROUP_EFFECTS[age_group] + random.normal(0.0, USER_DEVIATION, config.users)
    item_bias = random.normal(0.0, ITEM_DEVIATION, config.items)
    logit = _logit(config, visits, impressions, user_bias, item_bias)
    pair = visits.user * config.categories + impressions.category
    probability, click = draw_clicks(config, pair, visits.timestamp, logit, random)

    user_names = _names("u", config.users)
    # Numbered at random, so that neither category nor release shows in an item's name.
    item_names = _names("i", config.items).gather(random.permutation(config.items))
    events = pl.DataFrame(
        {
            "user": user_names.gather(visits.user),
            "item": item_names.gather(impressions.item),
            "timestamp": visits.timestamp,
            "click": click.astype(np.int64),
            "true_probability": probability,
            "device": pl.Series(DEVICES).gather(visits.device),
            "hour": visits.timestamp // HOUR % 24,
        }
    )
    if impressions.kinds is not None:
        events = _with_kinds(events, impressions.kinds, click)
    category_names = _names("c", config.categories)
    items = pl.DataFrame({"item": item_names, "category": category_names.gather(catalogue.category)})
    countries = pl.Series(COUNTRIES).gather(random.integers(0, len(COUNTRIES), config.users))
    age_groups = pl.Series(AGE_GROUPS).gather(age_group)
    users = pl.DataFrame({"user": user_names, "age_group": age_groups, "country": countries})
    return GeneratedLog(events.sort("timestamp", "user"), items.sort("item"), users)


def _draw_impressions(
    config: LogGeneratorConfig, catalogue: ItemCatalogue, visits: Visits, random: np.random.Generator
) -> _Impressions:
    """Draw the categories and items shown, and compute the effects that depend on them."""
    user = visits.user
    by_day, intensities = draw_interests(config, catalogue, random)
    interests = by_day[user, :, (visits.timestamp - START_MILLISECONDS) // DAY]
    category = draw_categories(config, catalogue, interests, user, random)
    ring = np.arange(config.categories)
    if config.drift_share or config.drift_effect:
        ring = random.permutation(config.categories)
        category = advance_categories(user, category, ring, config.drift_share, random)
    kinds = None
    if config.task_effect:
        kinds = draw_kinds(interests, category, config.interest_exposure, random)
        category = kinds.category
    item = draw_items(catalogue, category, visits, random)
    return _Impressions(interests, intensities[user], ring, category, item, kinds)


def _logit(
    config: LogGeneratorConfig,
    visits: Visits,
    impressions: _Impressions,
    user_bias: np.ndarray,
    item_bias: np.ndarray,
) -> np.ndarray:
    """Return the logit of each click without the effect of recency, float64 [N]."""
    user, category, interests = visits.user, impressions.category, impressions.interests
    hour = visits.timestamp // HOUR % 24
    fit = np.where(interests == category[:, None], impressions.intensities, 0.0).max(axis=1)
    logit = (
        config.base_logit
        + config.interest_effect * fit
        + config.context_effect * (DEVICE_EFFECTS[visits.device] + HOUR_EFFECTS[hour])
        + config.order_effect * is_among_last(user, category, config.order_steps)
        + config.drift_effect * is_next(user, category, impressions.ring)
        + user_bias[user]
        + item_bias[impressions.item]
    )
    if impressions.kinds is not None:
        logit = logit + config.task_effect * matches_label(interests, impressions.kinds)
    return logit


def _names(prefix: str, count: int) -> pl.Series:
    """Return names numbered from 1."""
    return pl.Series([f"{prefix}{index}" for index in range(1, count + 1)], dtype=pl.String)


def _with_kinds(events: pl.DataFrame, kinds: Kinds, click: np.ndarray) -> pl.DataFrame:
    """Split the clicks between the two labels, and add the columns of kinds."""
    return events.with_columns(
        pl.Series("click", (click & (kinds.observed_label == 0)).astype(np.int64)),
        pl.Series("like", (click & (kinds.observed_label == 1)).astype(np.int64)),
        pl.Series(KINDS).gather(kinds.kind).alias("kind"),
        pl.Series(LABELS).gather(kinds.observed_label).alias("asked"),
    )
