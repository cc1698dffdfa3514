"""Items sampled for the behaviours of training examples: by their share of the training window, never the same."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import polars as pl

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.splits import Boundaries
from tests.transforms.examples.small_shards import examples_of
from tests.transforms.small_log import SECOND, configuration, events

ATTRIBUTES = [
    {"name": "genre", "from": "items", "use": ["target", "history"]},
    {"name": "tag_list", "column": "tags", "from": "items", "kind": "categorical_list", "use": ["target", "history"]},
    {"name": "maker", "from": "items", "use": ["history"]},
    {"name": "device", "from": "events", "use": ["target", "history"]},
]
ITEMS = pl.DataFrame({"id": ["a", "b"], "genre": ["x", "y"], "tags": ["s|t", ""], "maker": ["m", "n"]})
TABLE = {"path": "items.csv", "format": "csv", "id": "id"}


def with_negatives(**sections: Any) -> IngestionConfig:
    """Return a configuration with negatives of behaviours."""
    return configuration(sequence={"history_negatives": True}, **sections)


def random_log(users: int = 200) -> pl.DataFrame:
    """Return a log in which each user sees ten of five items, one a second, and item i4 most often."""
    random = np.random.default_rng(3)
    items = random.choice(5, (users, 10), p=[0.05, 0.1, 0.15, 0.3, 0.4])
    return events([(f"u{u}", f"i{item}", second, 1) for u, row in enumerate(items) for second, item in enumerate(row)])


def negatives_by_event(examples: list[dict[str, Any]]) -> dict[tuple[str, int], list[str]]:
    """Return the negatives of each example by user and second."""
    return {(e["user"], e["timestamp"] // SECOND): e["history_negative_item"] for e in examples}


def test_of_two_items_the_other_is_sampled_with_its_attributes() -> None:
    log = events([("u", "a", 1, 1, "tv"), ("u", "b", 2, 1, "tv"), ("u", "a", 3, 1, "tv")], "device")
    config = with_negatives(data__items=TABLE, features={"attributes": ATTRIBUTES})
    last = examples_of(log, config, items=ITEMS)[-1]
    along = {name: values for name, values in last.items() if name.startswith("history_negative_")}
    assert last["history_item"] == ["a", "b"]
    assert along == {
        "history_negative_item": ["b", "a"],
        "history_negative_genre": ["y", "x"],
        "history_negative_tag_list": ["", "s|t"],
    }


def test_without_another_item_the_negative_is_missing() -> None:
    log = events([("u", "a", 1, 1), ("u", "a", 2, 1), ("u", "a", 3, 1)])
    assert [example["history_negative_item"] for example in examples_of(log, with_negatives())] == [[], [""], ["", ""]]


def test_negatives_exist_only_if_configured_and_in_training() -> None:
    log, boundaries = random_log(3), Boundaries(5 * SECOND, 8 * SECOND)
    assert not any("negative" in name for name in examples_of(log, configuration())[-1])
    for split in ("validation", "test"):
        later = examples_of(log, with_negatives(), boundaries, split=split)
        assert later
        assert all(example["history_item"] for example in later)
        assert all(example["history_negative_item"] == [] for example in later)


def test_items_are_sampled_by_frequency_and_never_the_behaviours_own() -> None:
    log = random_log()
    examples = examples_of(log, with_negatives(), size=1000)
    pairs = [pair for e in examples for pair in zip(e["history_item"], e["history_negative_item"], strict=True)]
    assert len(pairs) == 200 * 45  # 0 + 1 + ... + 9 behaviours a user
    assert all(behaviour != negative for behaviour, negative in pairs)
    share = {item: count / log.height for item, count in log.get_column("item").value_counts().iter_rows()}
    # A draw of the behaviour's own item is repeated, so each other item has its share of the rest.
    expected = dict.fromkeys(share, 0.0)
    for behaviour, _ in pairs:
        for item in share.keys() - {behaviour}:
            expected[item] += share[item] / (1.0 - share[behaviour])
    counts = Counter(negative for _, negative in pairs)
    # Chi-square of 4 degrees of freedom: above 18.5 with a chance of 0.001 for fair draws; these are always the same.
    assert sum((counts[item] - expected[item]) ** 2 / expected[item] for item in share) < 18.5


def test_a_sample_depends_on_its_example_and_the_seed_alone() -> None:
    log, counts = random_log(20), {f"i{index}": index + 1 for index in range(5)}
    negatives = negatives_by_event(examples_of(log, with_negatives(), catalogue=counts))
    some = negatives_by_event(
        examples_of(log.filter(pl.col("user").is_in(["u7", "u3"])), with_negatives(), catalogue=counts, size=100)
    )
    assert len(some) == 20
    assert some == {key: negatives[key] for key in some}
    assert negatives_by_event(examples_of(log, with_negatives(negatives={"seed": 18}), catalogue=counts)) != negatives


def test_each_example_has_different_samples() -> None:
    """The first behaviour is remembered by nine examples of its user."""
    negatives = negatives_by_event(examples_of(random_log(20), with_negatives()))
    assert all(len({negatives[f"u{user}", second][0] for second in range(1, 10)}) > 1 for user in range(20))


def test_nothing_after_the_training_window_changes_the_samples() -> None:
    log, boundaries = random_log(20), Boundaries(6 * SECOND, 8 * SECOND)
    is_later = pl.col("timestamp") >= boundaries.validation
    other = log.with_columns(pl.when(is_later).then(pl.lit("new")).otherwise(pl.col("item")).alias("item"))
    before = examples_of(log, with_negatives(), boundaries)
    assert len(before) == 20 * 6
    assert examples_of(other, with_negatives(), boundaries) == before
    assert examples_of(log.filter(~is_later), with_negatives(), boundaries) == before
