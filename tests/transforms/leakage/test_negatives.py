"""Leaks that are planted in sampled negatives, of a positive or of a behaviour, are found and named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import polars as pl

from interestflow.transforms.leakage.comparison import UserLog, compare
from interestflow.transforms.leakage.reference_examples import Features
from tests.transforms.leakage.ingested_log import IngestedLog


def negative(examples: dict[str, list[Features]]) -> Features:
    """Return the last sampled negative of the training split that has some behaviours."""
    return next(
        example
        for example in reversed(examples["train"])
        if example["sampling_probability"][0] < 1.0 and len(example["history_item"]) > 2
    )


def test_a_negative_with_an_earlier_positive_is_found(sampled: IngestedLog) -> None:
    examples = copy.deepcopy(sampled.examples)
    example = negative(examples)
    earlier = next(
        other
        for other in examples["train"]
        if other["label_click"] == [1.0]
        and other["user"] == example["user"]
        and other["timestamp"] < example["timestamp"]
    )
    for name in ("item", "colour", "tags", "price"):
        example[name] = earlier[name]
    (finding,) = sampled.findings(examples)
    assert "`negatives` should be an item without an earlier positive, this one had one at 1970-01-01" in finding


def test_a_negative_that_is_the_positive_itself_is_found(sampled: IngestedLog) -> None:
    examples = copy.deepcopy(sampled.examples)
    keys = sampled.events.filter(pl.col("click") == "1").group_by("user", "timestamp", "item").len()
    first = keys.group_by("user", "item").agg(pl.col("timestamp").min())
    only_positive = {
        (user, time): item
        for user, time, item, _ in keys.filter(pl.len().over("user", "timestamp") == 1)
        .join(first, on=["user", "item", "timestamp"], how="semi")
        .select("user", "timestamp", "item", "len")
        .iter_rows()
    }
    example = next(
        other
        for other in examples["train"]
        if other["sampling_probability"][0] < 1.0 and (other["user"][0], other["timestamp"][0]) in only_positive
    )
    example["item"] = [only_positive[example["user"][0], example["timestamp"][0]]]
    (finding,) = sampled.findings(examples)
    assert "`negatives` should be another item than the event's own" in finding


def test_more_negatives_than_configured_are_found(sampled: IngestedLog) -> None:
    examples = copy.deepcopy(sampled.examples)
    example = negative(examples)
    examples["train"] += [copy.deepcopy(example) for _ in range(50)]
    assert "`negatives` should be at most" in sampled.findings(examples)[0]


def test_a_negative_with_another_history_than_its_positive_is_found(sampled: IngestedLog) -> None:
    examples = copy.deepcopy(sampled.examples)
    negative(examples)["history_item"][-1] = "i-from-the-future"
    (finding,) = sampled.findings(examples)
    assert "`history_item` should be" in finding


def test_a_negative_with_a_label_is_found(sampled: IngestedLog) -> None:
    examples = copy.deepcopy(sampled.examples)
    negative(examples)["label_click"] = [1.0]
    (finding,) = sampled.findings(examples)
    assert "`label_click` should be 0.0, received 1.0" in finding


def test_a_negative_from_after_the_training_window_is_found(sampled: IngestedLog) -> None:
    item = negative(sampled.examples)["item"][0]
    later = {**sampled.first_seen, item: 10**12}
    result = compare(sampled.examples, UserLog(sampled.events, *sampled.tables, later), sampled.config)
    assert "`negatives` should be an item of the training window, this one first appears 1970-01-12" in str(
        result.findings[0]
    )


def test_wrong_negatives_of_behaviours_are_found(
    ingest_variant: Callable[[str], IngestedLog],
) -> None:
    behaviours = ingest_variant("history_negatives")
    name, first_seen = "history_negative_item", behaviours.first_seen

    def findings(split: str, change: Callable[[Features], list[Any]]) -> list[str]:
        examples = copy.deepcopy(behaviours.examples)
        example = next(example for example in examples[split] if len(example["history_item"]) > 1)
        example[name] = change(example)
        return behaviours.findings(examples, first_seen)

    (finding,) = findings("train", lambda example: example["history_item"][:1] + example[name][1:])
    assert f"`{name}` should be another item than the behaviour's own" in finding
    (finding,) = findings("train", lambda example: example[name][1:])
    assert f"`{name}` should be " in finding
    (finding,) = findings("test", lambda example: example["history_item"][::-1])
    assert f"`{name}` should be 0 values, received " in finding
    first_seen = {**behaviours.first_seen, "later": 10**12}
    (finding,) = findings("train", lambda example: ["later", *example[name][1:]])
    assert f"`{name}` should be an item of the training window, this one first appears" in finding
