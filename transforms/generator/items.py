"""Items of a generated log: their categories, releases and popularity, and the interests of users in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from interestflow.transforms.generator.config import LogGeneratorConfig
from interestflow.transforms.generator.visits import DAY, START_MILLISECONDS, Visits

LATE_ITEMS = 0.1
"""Share of items whose release is drawn uniformly from the log's time; the others are there from the beginning."""


@dataclass(frozen=True)
class ItemCatalogue:
    """The items, ordered by category, then release.

    Attributes:
        category: int64 [M].
        release: int64 [M], milliseconds since 1970.
        cumulative: [M], the popularity of the items summed up in this order.
        category_popularity: the share of each category.
    """

    category: np.ndarray
    release: np.ndarray
    cumulative: np.ndarray
    category_popularity: np.ndarray


def draw_catalogue(config: LogGeneratorConfig, random: np.random.Generator) -> ItemCatalogue:
    """Draw `config.items` items."""
    count, categories = config.items, config.categories
    category_popularity = random.permutation(_zipf_shares(categories, 0.5))
    # The first items cover every category from the first day, so that each category can always be shown.
    category = np.concatenate([np.arange(categories), random.integers(0, categories, count - categories)])
    is_late = (np.arange(count) >= categories) & (random.random(count) < LATE_ITEMS)
    release = np.where(is_late, random.integers(0, config.days * DAY, count), 0) + START_MILLISECONDS
    order = np.lexsort((release, category))
    category, release = category[order], release[order]
    popularity = random.permutation(_zipf_shares(count, 0.8))
    return ItemCatalogue(category, release, np.cumsum(popularity), category_popularity)


def _zipf_shares(count: int, exponent: float) -> np.ndarray:
    """Return shares that fall with the rank by Zipf's law."""
    weights = 1.0 / np.arange(1, count + 1) ** exponent
    return weights / weights.sum()


def draw_interests(
    config: LogGeneratorConfig, catalogue: ItemCatalogue, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the interests of users.

    Returns:
        Categories, int32 [users, interests, days]; and intensities from 0.6 to 1, [users, interests].
    """
    shape = (config.users, config.interests_per_user)

    def draw() -> np.ndarray:
        return random.choice(config.categories, shape, p=catalogue.category_popularity).astype(np.int32)

    by_day = np.empty((*shape, config.days), dtype=np.int32)
    by_day[:, :, 0] = draw()
    for day in range(1, config.days):
        is_replaced = random.random(shape) < 1.0 / config.interest_lifetime_days
        by_day[:, :, day] = np.where(is_replaced, draw(), by_day[:, :, day - 1])
    return by_day, random.uniform(0.6, 1.0, shape)


def draw_categories(
    config: LogGeneratorConfig,
    catalogue: ItemCatalogue,
    interests: np.ndarray,
    user: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """Draw the category of each impression, from the user's interests or by popularity.

    Args:
        config: the share of impressions by interest.
        catalogue: the popularity of categories.
        interests: [N, interests], the user's interests on the day of each impression.
        user: [N], index of the user of each impression.
        random: generator of all draws.
    """
    count = len(user)
    by_popularity = random.choice(config.categories, count, p=catalogue.category_popularity)
    by_interest = interests[np.arange(count), random.integers(0, config.interests_per_user, count)]
    return np.where(random.random(count) < config.interest_exposure, by_interest, by_popularity)


def draw_items(
    catalogue: ItemCatalogue, category: np.ndarray, visits: Visits, random: np.random.Generator
) -> np.ndarray:
    """Draw an item of each impression's category by popularity, among those released by then; int64 [N]."""
    category_key = START_MILLISECONDS * 2
    before = np.concatenate([[0.0], catalogue.cumulative])
    first = np.searchsorted(catalogue.category, category, side="left")
    keys = catalogue.category * category_key + catalogue.release
    end = np.searchsorted(keys, category * category_key + visits.timestamp, side="right")
    target = before[first] + random.random(len(category)) * (before[end] - before[first])
    # Rounding could move a target beyond the edge of its range.
    return np.clip(np.searchsorted(catalogue.cumulative, target, side="right"), first, end - 1)
