"""Makes an interaction log whose click probabilities are known. Our own construction.

Every user holds a few interests, each a category with an intensity, and now and then swaps one for another. Items
belong to one category and are drawn by popularity, some only from the day of their release. An impression is drawn
either from the user's interests or by popularity alone. Its click is a Bernoulli draw with

    logit = base
          + interest_effect     * intensity of the user's interest in the item's category, 0 where there is none
          + recency_effect * (1 - exp(-warmth)),  warmth = sum over the user's earlier clicks on that category
                                                           of 2^(-age / half-life)
          + context_effect * (device + hour)
          + order_effect   where the category is among the last `order_steps` shown to the user
          + drift_effect   where the category follows, on a ring of all categories, the last one shown to the user
          + task_effect    where the category is among those interests of the user that the label asks for
          + what the user and the item are like in themselves

so that the category of the target has to be looked up in the recent history: an average over all interests says
little, popularity and user alone say next to nothing. Interests are drawn as often as their category is shown, which
keeps an item's own click rate from giving the answer away. With `order_effect` or `drift_effect` alone (both are 0
unless set), what is in a history says little, and when it came nearly all; `drift_share` of the impressions then are of
the category that follows.

With `task_effect`, impressions are of two kinds, shown by one half of the user's interests each, and of each event one
of two labels is observed, a click or a like: a click asks for the first kind's interests, a like for the second's. So
the same history and category mean something else for each task, and what is in a history says little unless its kind
is seen with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from interestflow.transforms.generator.config import LogGeneratorConfig
from interestflow.transforms.generator.kinds import KINDS, LABELS, fits_asked, shown_by_kind
from interestflow.transforms.generator.sequences import among_last, is_next, moved_on

LogFormat = Literal["parquet", "csv", "jsonl"]

START_MILLISECONDS = 1_704_067_200_000
"""2024-01-01 00:00 UTC."""
DAY, HOUR = 86_400_000, 3_600_000

DEVICES = ("phone", "desktop", "tablet", "television")
DEVICE_SHARES = (0.55, 0.25, 0.12, 0.08)
DEVICE_EFFECTS = np.array([0.0, 0.5, 0.25, -0.5])
"""Parts of `context_effect`; with the hour's, the most favourable context has 1."""
HOUR_EFFECTS = np.where(np.isin(np.arange(24), (18, 19, 20, 21, 22)), 0.5, 0.0)
HOUR_SHARES = np.array([1, 1, 1, 1, 1, 1, 2, 4, 5, 4, 4, 4, 6, 5, 4, 4, 4, 5, 7, 9, 10, 9, 6, 3], dtype=float)

AGE_GROUPS = ("18-24", "25-34", "35-49", "50-64", "65+")
AGE_GROUP_SHARES = (0.2, 0.3, 0.25, 0.15, 0.1)
AGE_GROUP_EFFECTS = np.array([0.2, 0.1, 0.0, -0.1, -0.2])
COUNTRIES = ("de", "fr", "in", "us")

USER_DEVIATION, ITEM_DEVIATION = 0.2, 0.2
"""In logits: how much users and items differ in themselves."""
SESSION_EVENTS = 8
GAP_MILLISECONDS = 40_000
"""Mean number of impressions in a session, and mean time between two."""
HABITUAL_DEVICE = 0.7
"""Share of sessions on the user's usual device; the others are on any."""
LATE_USERS, LATE_ITEMS = 0.1, 0.1
"""Shares of users and items that appear after the log has begun, uniformly over its time."""


@dataclass(frozen=True)
class GeneratedLog:
    """Three tables.

    events: `user`, `item`, `timestamp` (milliseconds since 1970, int64, rising within a user), `click` (0 or 1, int64),
        `true_probability` (float64), `device` (text), `hour` (UTC, int64); ordered by time. With `task_effect` also
        `like` (0 or 1), `kind` (feed or search), and `asked` (click or like), which label is observed: the other is 0,
        and the probability is the observed one's.
    items: `item`, `category`.
    users: `user`, `age_group`, `country`.
    """

    events: pl.DataFrame
    items: pl.DataFrame
    users: pl.DataFrame


@dataclass(frozen=True)
class _Catalogue:
    """Items ordered by category, then release; `cumulative` is their popularity summed up in that order."""

    category: np.ndarray
    release: np.ndarray
    cumulative: np.ndarray
    category_popularity: np.ndarray


def generate(config: LogGeneratorConfig) -> GeneratedLog:
    """Makes the log. Equal configurations give equal logs.

    Args:
        config: sizes and effects.

    Returns:
        The three tables, `config.events`, `config.items` and `config.users` rows long.
    """
    random = np.random.default_rng(config.seed)
    catalogue = _make_catalogue(config, random)
    age_group = random.choice(len(AGE_GROUPS), config.users, p=AGE_GROUP_SHARES)
    user, timestamp, device = _visits(config, random)
    day = (timestamp - START_MILLISECONDS) // DAY
    hour = timestamp // HOUR % 24

    interests, intensities = _interests(config, catalogue, random)
    category = _shown_categories(config, catalogue, interests, user, day, random)
    ring = np.arange(config.categories)
    if config.drift_share or config.drift_effect:
        ring = random.permutation(config.categories)
        category = moved_on(user, category, ring, config.drift_share, random)
    kinds = None
    if config.task_effect:
        kinds = shown_by_kind(interests[user, :, day], category, config.interest_exposure, random)
        category = kinds.category
    item = _shown_items(catalogue, category, timestamp, random)
    fit = np.where(interests[user, :, day] == category[:, None], intensities[user], 0.0).max(axis=1)

    user_bias = AGE_GROUP_EFFECTS[age_group] + random.normal(0.0, USER_DEVIATION, config.users)
    item_bias = random.normal(0.0, ITEM_DEVIATION, config.items)
    logit = (
        config.base_logit
        + config.interest_effect * fit
        + config.context_effect * (DEVICE_EFFECTS[device] + HOUR_EFFECTS[hour])
        + config.order_effect * among_last(user, category, config.order_steps)
        + config.drift_effect * is_next(user, category, ring)
        + user_bias[user]
        + item_bias[item]
    )
    if kinds is not None:
        logit = logit + config.task_effect * fits_asked(interests[user, :, day], kinds)
    probability, click = _click(config, user, category, timestamp, logit, random)

    user_names = _names("u", config.users)
    # Numbered at random, so that neither category nor release shows in an item's name.
    item_names = _names("i", config.items).gather(random.permutation(config.items))
    category_names = _names("c", config.categories)
    events = pl.DataFrame(
        {
            "user": user_names.gather(user),
            "item": item_names.gather(item),
            "timestamp": timestamp,
            "click": click.astype(np.int64),
            "true_probability": probability,
            "device": pl.Series(DEVICES).gather(device),
            "hour": hour,
        }
    )
    if kinds is not None:
        events = events.with_columns(
            pl.Series("click", (click & (kinds.asked == 0)).astype(np.int64)),
            pl.Series("like", (click & (kinds.asked == 1)).astype(np.int64)),
            pl.Series(KINDS).gather(kinds.kind).alias("kind"),
            pl.Series(LABELS).gather(kinds.asked).alias("asked"),
        )
    items = pl.DataFrame({"item": item_names, "category": category_names.gather(catalogue.category)})
    users = pl.DataFrame(
        {
            "user": user_names,
            "age_group": pl.Series(AGE_GROUPS).gather(age_group),
            "country": pl.Series(COUNTRIES).gather(random.integers(0, len(COUNTRIES), config.users)),
        }
    )
    return GeneratedLog(events.sort("timestamp", "user"), items.sort("item"), users)


def write(log: GeneratedLog, folder: str | Path, format: LogFormat = "parquet") -> dict[str, Path]:
    """Writes `events`, `items` and `users` as one file each, in the given format, into `folder`, which is made.

    A file appears under its name only once it is whole, `events` last: where it is there, the others are too.

    Returns:
        The three paths by the table's name.

    Raises:
        ValueError: the format is none of parquet, csv and jsonl.
        OSError: the folder cannot be written to.
    """
    writers: dict[str, Callable[[pl.DataFrame, Path], None]] = {
        "parquet": lambda table, path: table.write_parquet(path),
        "csv": lambda table, path: table.write_csv(path),
        "jsonl": lambda table, path: table.write_ndjson(path),
    }
    if format not in writers:
        raise ValueError(f"`format` should be one of {', '.join(writers)}, received {format!r}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name in ("items", "users", "events"):
        paths[name] = folder / f"{name}.{format}"
        unfinished = folder / f".{name}.{format}.unfinished"
        writers[format](getattr(log, name), unfinished)
        unfinished.replace(paths[name])
    return paths


def _names(prefix: str, count: int) -> pl.Series:
    return pl.Series([f"{prefix}{number}" for number in range(1, count + 1)], dtype=pl.String)


def _falling(count: int, exponent: float) -> np.ndarray:
    """Zipf's law: shares that fall with the rank."""
    weights = 1.0 / np.arange(1, count + 1) ** exponent
    return weights / weights.sum()


def _make_catalogue(config: LogGeneratorConfig, random: np.random.Generator) -> _Catalogue:
    count, categories = config.items, config.categories
    category_popularity = random.permutation(_falling(categories, 0.5))
    # The first items cover every category from the first day, so that each can always be shown.
    category = np.concatenate([np.arange(categories), random.integers(0, categories, count - categories)])
    late = (np.arange(count) >= categories) & (random.random(count) < LATE_ITEMS)
    release = np.where(late, random.integers(0, config.days * DAY, count), 0) + START_MILLISECONDS
    order = np.lexsort((release, category))
    category, release = category[order], release[order]
    popularity = random.permutation(_falling(count, 0.8))
    return _Catalogue(category, release, np.cumsum(popularity), category_popularity)


def _visits(config: LogGeneratorConfig, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """User, timestamp and device of every impression, ordered by user, then time."""
    span = config.days * DAY
    joined = np.where(random.random(config.users) < LATE_USERS, random.integers(0, span, config.users), 0)
    activity = random.gamma(3.0, size=config.users) * (span - joined)
    user = np.repeat(np.arange(config.users), random.multinomial(config.events, activity / activity.sum()))

    begins = (random.random(config.events) < 1.0 / SESSION_EVENTS) | (np.diff(user, prepend=-1) != 0)
    session = np.cumsum(begins) - 1
    session_user = user[begins]
    sessions = len(session_user)
    hour = random.choice(24, sessions, p=HOUR_SHARES / HOUR_SHARES.sum())
    first_day = joined[session_user] // DAY
    day = first_day + (random.random(sessions) * (config.days - first_day)).astype(np.int64)
    start = day * DAY + hour * HOUR + random.integers(0, HOUR, sessions)
    elapsed = np.cumsum(np.where(begins, 0, random.exponential(GAP_MILLISECONDS, config.events).astype(np.int64)))
    offset = start[session] + elapsed - elapsed[begins][session]

    usual = random.choice(len(DEVICES), config.users, p=DEVICE_SHARES)[session_user]
    other = random.choice(len(DEVICES), sessions, p=DEVICE_SHARES)
    device = np.where(random.random(sessions) < HABITUAL_DEVICE, usual, other)[session]

    order = np.lexsort((offset, user))
    user, offset, device = user[order], np.minimum(offset[order], span - 1), device[order]
    return user, START_MILLISECONDS + _strictly_rising(user, offset, span), device


def _strictly_rising(user: np.ndarray, offset: np.ndarray, span: int) -> np.ndarray:
    """Moves simultaneous impressions of one user one millisecond apart, all of them staying below `span`."""
    position = np.arange(len(user))
    # Users lie further apart than any time within one, so one running maximum serves all of them.
    lane = user * (2 * span)
    risen = np.maximum.accumulate(lane + offset - position) + position - lane
    last = np.diff(user, append=-1) != 0
    overflow = np.maximum(risen[last] - (span - 1), 0)
    if overflow.any():
        following = np.searchsorted(user, user, side="right") - 1 - position
        risen = np.minimum(risen, span - 1 - following)
    return risen


def _interests(
    config: LogGeneratorConfig, catalogue: _Catalogue, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Categories [users, interests, days] and intensities [users, interests], from 0.6 to 1."""
    shape = (config.users, config.interests_per_user)

    def draw() -> np.ndarray:
        return random.choice(config.categories, shape, p=catalogue.category_popularity).astype(np.int32)

    by_day = np.empty((*shape, config.days), dtype=np.int32)
    by_day[:, :, 0] = draw()
    for day in range(1, config.days):
        swapped = random.random(shape) < 1.0 / config.interest_lifetime_days
        by_day[:, :, day] = np.where(swapped, draw(), by_day[:, :, day - 1])
    return by_day, random.uniform(0.6, 1.0, shape)


def _shown_categories(
    config: LogGeneratorConfig,
    catalogue: _Catalogue,
    interests: np.ndarray,
    user: np.ndarray,
    day: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    by_popularity = random.choice(config.categories, len(user), p=catalogue.category_popularity)
    by_interest = interests[user, random.integers(0, config.interests_per_user, len(user)), day]
    return np.where(random.random(len(user)) < config.interest_exposure, by_interest, by_popularity)


def _shown_items(
    catalogue: _Catalogue, category: np.ndarray, timestamp: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """An item of each category by popularity, among those released by then."""
    lane = START_MILLISECONDS * 2
    before = np.concatenate([[0.0], catalogue.cumulative])
    first = np.searchsorted(catalogue.category, category, side="left")
    end = np.searchsorted(catalogue.category * lane + catalogue.release, category * lane + timestamp, side="right")
    aim = before[first] + random.random(len(category)) * (before[end] - before[first])
    # Rounding could carry an aim over the edge of its range.
    return np.clip(np.searchsorted(catalogue.cumulative, aim, side="right"), first, end - 1)


def _click(
    config: LogGeneratorConfig,
    user: np.ndarray,
    category: np.ndarray,
    timestamp: np.ndarray,
    logit: np.ndarray,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Probability and click of every impression.

    Warmth depends on earlier clicks of the same user on the same category only, so each such pair is a sequence of
    its own; the loop runs over the place within the sequence, and all pairs advance at once.
    """
    pair = user * config.categories + category
    order = np.lexsort((timestamp, pair))
    starts = np.flatnonzero(np.diff(pair[order], prepend=-1))
    lengths = np.diff(starts, append=len(order))
    longest_first = np.argsort(-lengths, kind="stable")
    starts, lengths = starts[longest_first], lengths[longest_first]

    half_life = config.recency_half_life_hours * HOUR
    luck = random.random(len(user))
    probability, click = np.empty(len(user)), np.zeros(len(user), dtype=bool)
    warmth, seen = np.zeros(len(starts)), timestamp[order[starts]]
    for place in range(int(lengths[0])):
        active = int(np.searchsorted(-lengths, -place, side="left"))
        row = order[starts[:active] + place]
        now = timestamp[row]
        warmth = warmth[:active] * np.exp2(-(now - seen[:active]) / half_life)
        chance = 1.0 / (1.0 + np.exp(-(logit[row] + config.recency_effect * -np.expm1(-warmth))))
        clicked = luck[row] < chance
        probability[row], click[row] = chance, clicked
        warmth, seen = warmth + clicked, now
    return probability, click
