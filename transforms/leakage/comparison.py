"""Compare the examples of a few users with those that the log implies."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.feature_names import ITEM, SAMPLING_PROBABILITY, TIMESTAMP, USER
from interestflow.transforms.leakage.findings import Comparison, Finding, different_features, spread
from interestflow.transforms.leakage.negatives import compare_history_negatives, compare_negatives, compare_windows
from interestflow.transforms.leakage.reference_examples import (
    Features,
    ReferenceExamples,
    Row,
    distinct_events,
    index_by_id,
    to_rows,
)
from interestflow.transforms.reading.timestamps import show_time
from interestflow.transforms.splits import SPLITS

EXAMPLES_PER_USER = 50


@dataclass(frozen=True)
class UserLog:
    """All data about some users: their events, and the tables of items and users.

    Attributes:
        events: all their usable events, as `read_events` returns them.
        items: the items table, as `read_entities` returns it; None if there is none.
        users: the users table; None if there is none.
        first_seen: by item, the time of its first event in the whole log, in microseconds; needed if negatives are
            sampled.
    """

    events: pl.DataFrame
    items: pl.DataFrame | None = None
    users: pl.DataFrame | None = None
    first_seen: Mapping[str, int] = field(default_factory=dict)


def compare(
    examples: Mapping[str, Sequence[Features]],
    log: UserLog,
    config: IngestionConfig,
    per_user: int = EXAMPLES_PER_USER,
) -> Comparison:
    """Compare all examples of some users with those that the log implies.

    Args:
        examples: by split, all examples of these users, with the features of raw examples.
        log: the log's data about these users.
        config: which examples there should be.
        per_user: examples of a user that are compared value by value, evenly spread; all of them are counted.
    """
    result = Comparison()
    received: dict[str, list[Features]] = defaultdict(list)
    for of_split in examples.values():
        for example in of_split:
            received[example[USER][0]].append(example)
    logged: dict[str, list[Row]] = defaultdict(list)
    for row in to_rows(log.events):
        logged[row[USER]].append(row)
    tables = index_by_id(log.items), index_by_id(log.users)
    for user in sorted({*received, *logged}):
        reference = ReferenceExamples(distinct_events(logged[user]), config, *tables)
        logged_examples = [example for example in received[user] if not _is_sampled(example, config)]
        sampled = [example for example in received[user] if _is_sampled(example, config)]
        _compare_logged(reference, logged_examples, per_user, result)
        compare_negatives(reference, sampled, config.negatives.per_positive, per_user, result)
        result.users += 1
        result.examples += len(logged_examples) + len(sampled)
        result.sampled += len(sampled)
    _compare_splits(examples, result)
    if config.negatives.source == "sampled":
        compare_windows(examples, log.first_seen, result)
    if config.sequence.history_negatives:
        compare_history_negatives(examples, log.first_seen, result)
    return result


def _is_sampled(example: Features, config: IngestionConfig) -> bool:
    """Return whether an example is a sampled negative."""
    return config.negatives.source == "sampled" and example[SAMPLING_PROBABILITY][0] != 1.0


def _compare_logged(reference: ReferenceExamples, received: list[Features], per_user: int, result: Comparison) -> None:
    """Check that every event that should be an example is one, once, with the features that it should have."""
    expected: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for event in reference.events:
        if reference.is_example(event):
            expected[event[TIMESTAMP], event[ITEM]].append(event)
    actual: dict[tuple[int, str], list[Features]] = defaultdict(list)
    for example in received:
        actual[example[TIMESTAMP][0], example[ITEM][0]].append(example)
    for time, item in sorted({*expected, *actual}):
        events, examples = expected[time, item], actual[time, item]
        if len(events) != len(examples):
            user = events[0][USER] if events else examples[0][USER][0]
            result.add(Finding(user, item, time, "examples", str(len(events)), str(len(examples))))
    pairs = [pair for key in sorted(expected) for pair in zip(expected[key], actual[key], strict=False)]
    for event, example in spread(pairs, per_user):
        features = reference.features(event) | {SAMPLING_PROBABILITY: [1.0]}
        for finding in different_features(features, example):
            result.add(finding)


def _compare_splits(examples: Mapping[str, Sequence[Features]], result: Comparison) -> None:
    """Check that the splits follow one another in time."""
    latest, latest_split = -math.inf, ""
    for split in SPLITS:
        for example in examples.get(split, ()):
            time = example[TIMESTAMP][0]
            if time <= latest:
                expected = f"after {show_time(int(latest))}, the last in {latest_split}"
                result.add(Finding.about(example, f"{split} split", expected, show_time(time)))
        times = [example[TIMESTAMP][0] for example in examples.get(split, ())]
        if times and max(times) > latest:
            latest, latest_split = max(times), split
