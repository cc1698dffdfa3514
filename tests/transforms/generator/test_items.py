"""Items, interests of users, and the items that are shown."""

from __future__ import annotations

import numpy as np
import polars as pl

from interestflow.transforms.generator.config import LogGeneratorConfig
from interestflow.transforms.generator.generate import GeneratedLog
from interestflow.transforms.generator.items import (
    ItemCatalogue,
    draw_catalogue,
    draw_categories,
    draw_interests,
    draw_items,
)
from interestflow.transforms.generator.visits import DAY, START_MILLISECONDS, Visits
from tests.transforms.generator.small_generated_log import SMALL

CONFIG = LogGeneratorConfig(events=100, users=50, items=200, categories=10, days=8, interest_lifetime_days=4.0)


def test_items_are_ordered_by_category_and_each_category_has_one_from_the_first_day() -> None:
    catalogue = draw_catalogue(CONFIG, np.random.default_rng(1))
    assert (np.diff(catalogue.category) >= 0).all()
    first = np.searchsorted(catalogue.category, np.arange(10))
    assert catalogue.category[first].tolist() == list(range(10))
    assert (catalogue.release[first] == START_MILLISECONDS).all()
    assert (catalogue.release < START_MILLISECONDS + 8 * DAY).all()
    assert 0 < (catalogue.release > START_MILLISECONDS).sum() < 50
    np.testing.assert_allclose([catalogue.cumulative[-1], catalogue.category_popularity.sum()], 1.0)


def test_interests_last_for_about_their_lifetime() -> None:
    """Of 50 users' 4 interests over 7 nights, a quarter is replaced, a tenth of these by the same: 0.225 +- 0.011."""
    random = np.random.default_rng(1)
    catalogue = draw_catalogue(CONFIG, random)
    interests, intensities = draw_interests(CONFIG, catalogue, random)
    assert interests.shape == (50, 4, 8)
    assert intensities.shape == (50, 4)
    assert ((intensities >= 0.6) & (intensities <= 1.0)).all()
    changes = (np.diff(interests, axis=2) != 0).mean()
    assert 0.15 < changes < 0.25


def test_categories_are_from_the_interests_only_if_nothing_else_is_shown() -> None:
    random = np.random.default_rng(1)
    catalogue = draw_catalogue(CONFIG, random)
    interests = np.tile([[2, 3, 4, 5]], (1_000, 1))
    for exposure, share in ((1.0, 1.0), (0.0, catalogue.category_popularity[2:6].sum())):
        config = CONFIG.model_copy(update={"interest_exposure": exposure})
        shown = draw_categories(config, catalogue, interests, np.zeros(1_000, int), random)
        # The standard deviation of a share of 1,000 draws is at most 0.016.
        assert abs(np.isin(shown, [2, 3, 4, 5]).mean() - share) < 0.06


def test_an_item_is_of_its_category_and_released_by_then() -> None:
    """Category 0 has items 0 and 1, of which 1 is released after 100 milliseconds; category 1 has item 2."""
    release = np.array([0, 100, 0]) + START_MILLISECONDS
    popularity = np.cumsum([0.25, 0.5, 0.25])
    catalogue = ItemCatalogue(np.array([0, 0, 1]), release, popularity, np.array([0.75, 0.25]))
    category = np.repeat([0, 0, 1], 3_000)
    time = START_MILLISECONDS + np.repeat([99, 100, 0], 3_000)
    visits = Visits(np.zeros(9_000, int), time, np.zeros(9_000, int))
    items = draw_items(catalogue, category, visits, np.random.default_rng(1))
    assert set(items[:3_000]) == {0}
    assert set(items[6_000:]) == {2}
    # Two thirds of the draws of category 0 are item 1; the standard deviation of the share is 0.009.
    assert abs((items[3_000:6_000] == 1).mean() - 2 / 3) < 0.035


def test_items_are_shown_by_popularity_and_not_before_their_release(log: GeneratedLog) -> None:
    shown = log.events.group_by("item").agg(count=pl.len(), first=pl.min("timestamp")).sort("count", descending=True)
    assert shown["count"].head(60).sum() > 0.3 * SMALL.events, "a tenth of the items has far more than a tenth"
    # Some items first appear late although they are shown often: they were released late.
    late = shown.filter((pl.col("first") > START_MILLISECONDS + 5 * DAY) & (pl.col("count") > 20))
    assert late.height > 3
