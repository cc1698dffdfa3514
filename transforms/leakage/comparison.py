"""Holds the examples of a few users against what they should be, and says where they differ."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.feature_names import (
    HISTORY_ITEM,
    HISTORY_NEGATIVE_ITEM,
    ITEM,
    SAMPLING_PROBABILITY,
    TIMESTAMP,
    USER,
)
from interestflow.transforms.leakage.reference_examples import (
    ExpectedExamples,
    Features,
    Row,
    by_id,
    distinct_events,
    rows_of,
)
from interestflow.transforms.reading.timestamps import show_time
from interestflow.transforms.splits import SPLITS

PER_USER = 50
SHOWN_VALUES = 6


@dataclass(frozen=True)
class Finding:
    """One value that an example should not have. `time`: microseconds since 1970 of the example."""

    user: str
    item: str
    time: int
    feature: str
    expected: str
    received: str

    def __str__(self) -> str:
        return (
            f"user {self.user}, item {self.item}, {show_time(self.time)}: `{self.feature}` should be {self.expected}, "
            f"received {self.received}"
        )


@dataclass
class Comparison:
    """What was compared, and what was found: the first `LIMIT` findings, and how many by feature."""

    users: int = 0
    examples: int = 0
    drawn: int = 0
    findings: list[Finding] = field(default_factory=list)
    by_feature: Counter[str] = field(default_factory=Counter)

    LIMIT = 5

    def add(self, finding: Finding) -> None:
        self.by_feature[finding.feature] += 1
        if len(self.findings) < self.LIMIT:
            self.findings.append(finding)


def compare(
    examples: Mapping[str, Sequence[Features]],
    events: pl.DataFrame,
    config: IngestionConfig,
    items: pl.DataFrame | None = None,
    users: pl.DataFrame | None = None,
    first_seen: Mapping[str, int] | None = None,
    per_user: int = PER_USER,
) -> Comparison:
    """Compares all examples of some users with what the log says.

    Args:
        examples: by split, all that these users have, features as they are in raw examples.
        events: all usable events of these users, as `read_events` gives them.
        config: what examples are made of.
        items: the items' table, as `read_entities` gives it; None where there is none.
        users: likewise.
        first_seen: when each drawn item first appears in the log, in microseconds; where negatives are drawn.
        per_user: how many examples of a user are compared value by value, evenly spread; whether they are there is
            checked of all.
    """
    result = Comparison()
    by_user: dict[str, list[tuple[str, Features]]] = defaultdict(list)
    for split, found in examples.items():
        for example in found:
            by_user[example[USER][0]].append((split, example))
    logs: dict[str, list[Row]] = defaultdict(list)
    for row in rows_of(events):
        logs[row[USER]].append(row)
    tables = by_id(items), by_id(users)
    for user in sorted({*by_user, *logs}):
        expected = ExpectedExamples(distinct_events(logs[user]), config, *tables)
        received = [example for _, example in by_user[user]]
        logged = [example for example in received if _is_logged(example, config)]
        drawn = [example for example in received if not _is_logged(example, config)]
        _compare_logged(expected, logged, per_user, result)
        _compare_drawn(expected, drawn, config, per_user, result)
        result.users += 1
        result.examples += len(received)
        result.drawn += len(drawn)
    _compare_splits(examples, config, first_seen or {}, result)
    if config.sequence.history_negatives:
        _compare_history_negatives(examples, first_seen or {}, result)
    return result


def _is_logged(example: Features, config: IngestionConfig) -> bool:
    return config.negatives.source == "impressions" or example[SAMPLING_PROBABILITY][0] == 1.0


def _compare_logged(expected: ExpectedExamples, received: list[Features], per_user: int, result: Comparison) -> None:
    """Every event that should be an example is one, once, and holds what it should."""
    wanted: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for event in expected.events:
        if expected.is_example(event):
            wanted[event[ITEM], event[TIMESTAMP]].append(event)
    found: dict[tuple[str, int], list[Features]] = defaultdict(list)
    for example in received:
        found[example[ITEM][0], example[TIMESTAMP][0]].append(example)
    for item, time in sorted({*wanted, *found}, key=lambda key: (key[1], key[0])):
        events, examples = wanted[item, time], found[item, time]
        if len(events) != len(examples):
            user = (events or examples)[0][USER]
            user = user if isinstance(user, str) else user[0]
            result.add(Finding(user, item, time, "examples", str(len(events)), str(len(examples))))
    pairs = [
        pair
        for key in sorted(wanted, key=lambda key: (key[1], key[0]))
        for pair in zip(wanted[key], found[key], strict=False)
    ]
    for event, example in _spread(pairs, per_user):
        _compare_features(expected.of_event(event) | {SAMPLING_PROBABILITY: [1.0]}, example, result)


def _compare_drawn(
    expected: ExpectedExamples, received: list[Features], config: IngestionConfig, per_user: int, result: Comparison
) -> None:
    """Each negative is its positive's but for item and label, and of an item that the user had not chosen before."""
    positives: dict[int, list[Row]] = defaultdict(list)
    chosen_since: dict[str, int] = {}
    for event in expected.events:
        if expected.is_positive(event):
            positives[event[TIMESTAMP]].append(event)
            chosen_since.setdefault(event[ITEM], event[TIMESTAMP])
    count = Counter(example[TIMESTAMP][0] for example in received)
    for example in _spread(received, per_user):
        user, item, time = example[USER][0], example[ITEM][0], example[TIMESTAMP][0]
        # What else the user chose at the same instant nobody knew then, and may be drawn; the event's own item not.
        candidates = [expected.of_event(event, drawn=item) for event in positives[time] if event[ITEM] != item]
        allowed = len(positives[time]) * config.negatives.per_positive
        if count[time] > allowed:
            result.add(Finding(user, item, time, "negatives", f"at most {allowed}", str(count[time])))
        elif chosen_since.get(item, time) < time:
            was = f"an item not chosen before, this one was at {show_time(chosen_since[item])}"
            result.add(Finding(user, item, time, "negatives", was, item))
        elif not candidates:
            result.add(Finding(user, item, time, "negatives", "another item than the event's own", item))
        elif not any(_is_equal(candidate, example) for candidate in candidates):
            _compare_features(candidates[0], example, result)


def _compare_splits(
    examples: Mapping[str, Sequence[Features]],
    config: IngestionConfig,
    first_seen: Mapping[str, int],
    result: Comparison,
) -> None:
    """Splits follow one another in time, and what is drawn is from the training window."""
    latest, latest_split = -math.inf, ""
    for split in SPLITS:
        for example in examples.get(split, ()):
            time = example[TIMESTAMP][0]
            if time <= latest:
                after = f"after {show_time(int(latest))}, the last in {latest_split}"
                result.add(Finding(example[USER][0], example[ITEM][0], time, f"{split} split", after, show_time(time)))
        times = [example[TIMESTAMP][0] for example in examples.get(split, ())]
        if times and max(times) > latest:
            latest, latest_split = max(times), split
    later = [example[TIMESTAMP][0] for split in SPLITS[1:] for example in examples.get(split, ())]
    for example in (example for found in examples.values() for example in found if later):
        item, time = example[ITEM][0], example[TIMESTAMP][0]
        if not _is_logged(example, config) and first_seen.get(item, -math.inf) >= min(later):
            known = f"an item of the training window, this one first appears {show_time(first_seen[item])}"
            result.add(Finding(example[USER][0], item, time, "negatives", known, item))


def _compare_history_negatives(
    examples: Mapping[str, Sequence[Features]], first_seen: Mapping[str, int], result: Comparison
) -> None:
    """Beside each behaviour of a training example is another item, of the training window; elsewhere there is none."""
    end = min((e[TIMESTAMP][0] for split in SPLITS[1:] for e in examples.get(split, ())), default=math.inf)
    for split, example in ((split, example) for split, found in examples.items() for example in found):
        history, drawn = example[HISTORY_ITEM], example.get(HISTORY_NEGATIVE_ITEM, [])
        place = example[USER][0], example[ITEM][0], example[TIMESTAMP][0], HISTORY_NEGATIVE_ITEM
        wanted = len(history) if split == SPLITS[0] else 0
        if len(drawn) != wanted:
            result.add(Finding(*place, f"{wanted} values", f"{len(drawn)} values"))
            continue
        for behaviour, item in zip(history, drawn, strict=False):
            if item == behaviour:
                result.add(Finding(*place, "another item than the behaviour's own", item))
            elif item and first_seen.get(item, -math.inf) >= end:
                known = f"an item of the training window, this one first appears {show_time(first_seen[item])}"
                result.add(Finding(*place, known, item))


def _compare_features(expected: Features, received: Features, result: Comparison) -> None:
    for name, values in expected.items():
        found = received.get(name, [])
        if not _is_same(values, found):
            shown = (_show(values, found), _show(found, values))
            result.add(Finding(expected[USER][0], expected[ITEM][0], expected[TIMESTAMP][0], name, *shown))


def _is_equal(expected: Features, received: Features) -> bool:
    return all(_is_same(values, received.get(name, [])) for name, values in expected.items())


def _is_same(values: list[Any], others: list[Any]) -> bool:
    return len(values) == len(others) and all(
        value == other or (value != value and other != other) for value, other in zip(values, others, strict=True)
    )


def _show(values: list[Any], others: list[Any]) -> str:
    """The values around the first that differs."""
    if len(values) == len(others) == 1:
        return str(values[0]) if values[0] != "" else '""'
    pairs = zip(values, others, strict=False)
    place = next((number for number, pair in enumerate(pairs) if not _is_same([pair[0]], [pair[1]])), None)
    if place is None:
        place = min(len(values), len(others))
    start = max(0, min(place - SHOWN_VALUES // 2, len(values) - SHOWN_VALUES))
    stop = start + SHOWN_VALUES
    inner = ", ".join(str(value) for value in values[start:stop])
    shown = f"[{'..., ' * (start > 0)}{inner}{', ...' * (stop < len(values))}]"
    return f"{shown} ({len(values)} values)" if len(values) > SHOWN_VALUES else shown


def _spread(values: Sequence[Any], count: int) -> Sequence[Any]:
    """At most `count` of them, evenly."""
    return values[:: max(1, -(-len(values) // count))]
