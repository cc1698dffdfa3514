"""Clean examples pass; every kind of planted leak is found and named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.transforms.leakage.ingested_log import IngestedLog, with_history


def test_clean_examples_pass(ingested: IngestedLog) -> None:
    assert ingested.findings(ingested.examples) == []
    assert sum(len(examples) for examples in ingested.examples.values()) > 100


def test_the_log_has_every_difficulty(plain: IngestedLog) -> None:
    """Ties, repeats, histories that were cut, unknown items and missing values all occur in the log of these tests."""
    examples = plain.examples["train"] + plain.examples["test"]
    keys = plain.events.select("user", "timestamp")
    assert keys.is_duplicated().sum() > 50
    assert plain.events.drop("order").is_duplicated().sum() >= 20
    assert max(example["history_count"][0] for example in examples) > 6
    assert any(example["colour"] == [""] for example in examples)
    assert any(np.isnan(example["price"][0]) for example in examples)


def test_a_later_event_in_a_history_is_found(plain: IngestedLog) -> None:
    examples = copy.deepcopy(plain.examples)
    example = with_history(examples)
    example["history_item"][-1] = "i-from-the-future"
    (finding,) = plain.findings(examples)
    assert f"user {example['user'][0]}, item {example['item'][0]}, 1970-01-01 00:0" in finding
    assert "`history_item` should be [" in finding
    assert "received [" in finding
    assert "i-from-the-future" in finding


def test_a_simultaneous_event_in_a_history_is_found(plain: IngestedLog) -> None:
    """As if `strictly before` had become `at or before`."""
    examples = copy.deepcopy(plain.examples)
    rows = plain.events.sort("timestamp").to_dicts()
    for example in examples["train"]:
        instant = [r for r in rows if r["user"] == example["user"][0] and r["timestamp"] == example["timestamp"][0]]
        example["history_item"] = (example["history_item"] + [row["item"] for row in instant])[-6:]
    assert "`history_item`" in plain.findings(examples)[0]


def test_a_history_from_newest_to_oldest_is_found(plain: IngestedLog) -> None:
    examples = copy.deepcopy(plain.examples)
    example = with_history(examples)
    for name in ("history_item", "history_age", "history_colour", "history_tags", "history_stars"):
        example[name] = example[name][::-1]
    features = [finding.split("`")[1] for finding in plain.findings(examples)]
    assert "history_item" in features


def test_labels_that_were_shuffled_are_found(ingested: IngestedLog) -> None:
    examples = copy.deepcopy(ingested.examples)
    name = f"label_{ingested.config.tasks[0].name}"
    labels = [example[name] for example in examples["train"]]
    shuffled = np.random.default_rng(1).permutation(len(labels))
    for example, index in zip(examples["train"], shuffled, strict=True):
        example[name] = labels[index]
    assert f"`{name}` should be" in ingested.findings(examples)[0]


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        ("history_age", [1, 2, 3]),
        ("history_count", [99]),
        ("history_colour", ["x"]),
        ("history_stars", [5.0]),
        ("colour", ["x"]),
        ("tags", ["a"]),
        ("price", [0.5]),
        ("device", ["tv"]),
        ("country", ["c9"]),
        ("label_click", [2.0]),
        ("sampling_probability", [0.5]),
    ],
)
def test_every_feature_is_compared(plain: IngestedLog, feature: str, value: list[Any]) -> None:
    examples = copy.deepcopy(plain.examples)
    with_history(examples)[feature] = value
    (finding,) = plain.findings(examples)
    assert f"`{feature}` should be" in finding


def test_a_missing_feature_is_found(plain: IngestedLog) -> None:
    examples = copy.deepcopy(plain.examples)
    del with_history(examples)["history_item"]
    (finding,) = plain.findings(examples)
    assert "`history_item` should be [" in finding
    assert finding.endswith("received []")


def test_a_mask_that_is_wrong_is_found(ingest_variant: Callable[[str], IngestedLog]) -> None:
    masked = ingest_variant("masks")
    examples = copy.deepcopy(masked.examples)
    example = with_history(examples)
    example["mask_like"] = [1.0 - example["mask_like"][0]]
    (finding,) = masked.findings(examples)
    assert "`mask_like` should be" in finding


def test_an_example_that_is_there_twice_or_not_at_all_is_found(plain: IngestedLog) -> None:
    examples = copy.deepcopy(plain.examples)
    examples["train"].append(copy.deepcopy(with_history(examples)))
    (finding,) = plain.findings(examples)
    assert "`examples` should be" in finding
    examples = copy.deepcopy(plain.examples)
    examples["test"].pop()
    (finding,) = plain.findings(examples)
    assert "`examples` should be" in finding


def test_a_repeated_row_that_became_an_example_is_found(plain: IngestedLog) -> None:
    first = plain.events.filter(pl.col("order") == 0).row(0, named=True)
    examples = copy.deepcopy(plain.examples)
    repeated = [
        (split, example)
        for split, of_split in examples.items()
        for example in of_split
        if (example["user"], example["item"]) == ([first["user"]], [first["item"]])
        and example["timestamp"] == [first["timestamp"]]
    ]
    split, example = repeated[0]
    examples[split].append(copy.deepcopy(example))
    assert any("`examples` should be" in finding for finding in plain.findings(examples))


def test_a_test_event_among_the_training_examples_is_found(plain: IngestedLog) -> None:
    examples = copy.deepcopy(plain.examples)
    examples["train"].append(examples["test"].pop())
    findings = plain.findings(examples)
    assert "`validation split` should be after" in findings[0]
    assert "the last in train" in findings[0]


def test_examples_of_a_user_who_is_not_in_the_log_are_found(plain: IngestedLog) -> None:
    examples = copy.deepcopy(plain.examples)
    examples["train"][0]["user"] = ["nobody"]
    assert any("user nobody" in finding for finding in plain.findings(examples))
