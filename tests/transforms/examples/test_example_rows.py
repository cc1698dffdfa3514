"""Which events become examples, and the negatives sampled for them."""

from __future__ import annotations

from typing import Any

import pytest

from interestflow.transforms.config import IngestionConfig, SequenceConfig
from interestflow.transforms.examples.example_rows import continue_user
from tests.transforms.examples.small_shards import shard_examples
from tests.transforms.small_log import SECOND, configuration, decoded, events


def sampled(**settings: Any) -> IngestionConfig:
    """Return a configuration with sampled negatives."""
    return configuration(negatives={"source": "sampled", **settings})


def test_negatives_share_everything_with_their_positive_but_the_item() -> None:
    log = events([("u", "a", 1, 1), ("u", "b", 2, 0), ("u", "c", 3, 1)])
    catalogue = {"a": 1, "c": 1, "x": 3, "y": 1}
    shard = shard_examples(log, sampled(per_positive=2, distribution="popularity"), catalogue=catalogue)
    first, *negatives = examples = decoded(list(shard.batches("train")))
    assert (first["item"], first["label_click"], first["sampling_probability"]) == ("a", 1.0, 1.0)
    assert [example["timestamp"] // SECOND for example in examples] == [1, 1, 1, 3, 3, 3]
    assert [example["item"] for example in examples[3:4]] == ["c"]
    # Item a has an earlier positive, and c is the event's own.
    assert {example["item"] for example in examples[4:]} == {"x", "y"}
    assert all(example["history_item"] == ["a", "b"] for example in examples[3:])
    shares = {"a": 1 / 6, "c": 1 / 6, "x": 1 / 2, "y": 1 / 6}
    for example in negatives[:2] + examples[4:]:
        assert example["label_click"] == 0.0
        assert example["sampling_probability"] == pytest.approx(shares[example["item"]])
    assert shard.sampled_count("train") == 4
    assert shard.behaviours_only == 1  # b, an impression without a click


def test_negatives_that_cannot_be_found_are_counted() -> None:
    shard = shard_examples(events([("u", "a", 1, 1)]), sampled(per_positive=2), catalogue={"a": 5, "x": 1})
    assert [example["item"] for example in decoded(list(shard.batches("train")))] == ["a", "x"]
    assert shard.negatives_not_found == 1


def test_masked_tasks_carry_no_label_and_events_without_any_are_behaviours_only() -> None:
    tasks = [
        {"name": "click", "label": {"column": "click"}, "mask": {"column": "shown"}},
        {"name": "buy", "label": {"column": "bought"}, "mask": {"column": "click"}},
    ]
    log = events([("u", "a", 1, 1, 0, 1), ("u", "b", 2, 0, 1, 1), ("u", "c", 3, 0, 0, 0), ("u", "d", 4, 1, 1, 0)],
                 "shown", "bought")  # fmt: skip
    shard = shard_examples(log, configuration(tasks=tasks))
    examples = decoded(list(shard.batches("train")))
    names = ("item", "label_click", "mask_click", "label_buy", "mask_buy")
    assert [tuple(example[name] for name in names) for example in examples] == [
        ("a", 0.0, 0.0, 1.0, 1.0),
        ("b", 0.0, 1.0, 0.0, 0.0),
        ("d", 1.0, 1.0, 0.0, 1.0),
    ]
    assert examples[2]["history_item"] == ["a", "b", "c"]
    assert shard.behaviours_only == 1
    assert shard.positive_counts("train") == {"click": 1, "buy": 1}


def test_a_user_is_continued_with_the_newest_behaviours_and_all_that_are_not_available_yet() -> None:
    """Ten behaviours of `v`, of which the last two are known later than 3 s after the last event."""
    log = events([("u", "a", 0, 1), *(("v", f"i{time}", time, time % 2) for time in range(1, 11))])
    config = sampled(per_positive=1)
    config = config.model_copy(update={"sequence": SequenceConfig(max_length=2, availability_delay=2)})
    catalogue = {f"i{time}": 1 for time in range(1, 11)}
    earlier = continue_user(shard_examples(log, config, catalogue=catalogue).data)
    assert (earlier.user, earlier.is_known, earlier.behaviours_before) == ("v", True, 6)
    assert earlier.events.get_column("item").to_list() == ["i7", "i8", "i9", "i10"]
    # The catalogue is i1, i10, i2, ..., i9, and odd ones are positive.
    assert earlier.positives.pair.tolist() == [0, 3, 5, 7, 9]
    assert [since // SECOND for since in earlier.positives.since.tolist()] == [1, 3, 5, 7, 9]
