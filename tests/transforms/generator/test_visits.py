"""Impressions of users in time: in range, strictly rising within a user, whatever the sizes."""

from __future__ import annotations

import datetime

import numpy as np
import polars as pl

from interestflow.transforms.generator.config import LogGeneratorConfig
from interestflow.transforms.generator.generate import GeneratedLog, generate_log
from interestflow.transforms.generator.visits import DAY, DEVICES, START_MILLISECONDS, draw_visits, separate_impressions
from tests.transforms.generator.small_generated_log import SMALL


def test_time_stays_in_range_and_strict_where_it_is_crowded() -> None:
    # 3,000 events in two days of one user or two: sessions overlap and run into the end.
    config = LogGeneratorConfig(events=30_000, users=2, items=10, categories=2, days=2)
    events = generate_log(config).events
    assert events.select(pl.col("timestamp").diff().over("user")).drop_nulls()["timestamp"].min() >= 1
    assert events["timestamp"].max() < START_MILLISECONDS + 2 * DAY


def test_simultaneous_impressions_move_one_millisecond_apart() -> None:
    user, offset = np.array([0, 0, 0, 1, 1]), np.array([5, 5, 6, 5, 9])
    assert separate_impressions(user, offset, 100).tolist() == [5, 6, 7, 5, 9]


def test_impressions_at_the_end_of_the_log_move_back() -> None:
    assert separate_impressions(np.zeros(4, int), np.array([1, 9, 9, 9]), 10).tolist() == [1, 7, 8, 9]


def test_visits_are_ordered_by_user_then_time() -> None:
    config = LogGeneratorConfig(events=2_000, users=30, items=50, categories=5, days=4)
    visits = draw_visits(config, np.random.default_rng(1))
    assert [len(part) for part in visits] == [2_000] * 3
    is_same_user = np.diff(visits.user) == 0
    assert (np.diff(visits.user) >= 0).all()
    assert (np.diff(visits.timestamp)[is_same_user] >= 1).all()
    assert set(visits.device) <= set(range(len(DEVICES)))
    assert START_MILLISECONDS <= visits.timestamp.min() < visits.timestamp.max() < START_MILLISECONDS + 4 * DAY


def test_time_rises_overall_and_strictly_within_a_user(log: GeneratedLog) -> None:
    assert log.events["timestamp"].is_sorted()
    steps = log.events.select(pl.col("timestamp").diff().over("user")).drop_nulls()["timestamp"]
    assert steps.min() >= 1
    first, last = log.events["timestamp"].min(), log.events["timestamp"].max()
    assert START_MILLISECONDS <= first < last < START_MILLISECONDS + SMALL.days * DAY
    assert (
        datetime.datetime.fromtimestamp(START_MILLISECONDS / 1000, datetime.UTC).isoformat()
        == "2024-01-01T00:00:00+00:00"
    )


def test_the_hour_is_that_of_the_timestamp(log: GeneratedLog) -> None:
    hour = pl.from_epoch("timestamp", time_unit="ms").dt.hour().cast(pl.Int64)
    assert log.events.select((hour == pl.col("hour")).all()).item()


def test_some_users_begin_late(log: GeneratedLog) -> None:
    first = log.events.group_by("user").agg(pl.min("timestamp"), pl.len()).filter(pl.col("len") > 20)
    late = (first["timestamp"] > START_MILLISECONDS + 10 * DAY).mean()
    assert 0.01 < late < 0.15
