"""Events in, exact examples out; and no example knows of anything at or after its own instant."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.examples.catalogue_counts import CatalogueCounts
from interestflow.transforms.examples.entities import Entities
from interestflow.transforms.examples.event_order import sort_events
from interestflow.transforms.examples.shard import ShardExamples
from interestflow.transforms.splits import Boundaries
from tests.transforms.small_log import SECOND, configuration, decoded, events

NO_SPLIT = Boundaries(10**15, 10**15)


def shard(
    rows: pl.DataFrame,
    config: IngestionConfig,
    boundaries: Boundaries = NO_SPLIT,
    items: pl.DataFrame | None = None,
    users: pl.DataFrame | None = None,
    catalogue: dict[str, int] | None = None,
) -> ShardExamples:
    """The examples of these events; the training window's items are counted from them unless given."""
    ordered, _ = sort_events([rows])
    if catalogue is None:
        training = ordered.filter(pl.col("timestamp") < boundaries.validation)
        catalogue = dict(training.group_by("item").len().iter_rows())
    known = CatalogueCounts(
        pl.Series(sorted(catalogue), dtype=pl.String), np.array([catalogue[item] for item in sorted(catalogue)])
    )
    attributes = config.features.attributes
    tables = [
        Entities.from_frame(frame, tuple(a for a in attributes if a.source == name))
        for name, frame in (("items", items), ("users", users))
    ]
    return ShardExamples(ordered, config, *tables, boundaries, known)


def made(*arguments: Any, split: str = "train", size: int = 3, **named: Any) -> list[dict[str, Any]]:
    """The decoded examples; batches of three, so that every test crosses their edges."""
    return decoded(list(shard(*arguments, **named).batches(split, size)))


def test_rows_in_examples_out() -> None:
    log = events([("u1", "i1", 100, 1), ("u2", "i9", 101, 1), ("u1", "i2", 160, 0), ("u1", "i3", 220, 1)])
    common = {"sampling_probability": 1.0, "slice_user": "known", "slice_item": "known"}
    assert made(log, configuration()) == [
        {
            "user": "u1", "item": "i1", "timestamp": 100 * SECOND, "label_click": 1.0, "history_item": [],
            "history_age": [], "history_count": 0, "slice_history_length": "0", **common,
        },
        {
            "user": "u1", "item": "i2", "timestamp": 160 * SECOND, "label_click": 0.0, "history_item": ["i1"],
            "history_age": [60], "history_count": 1, "slice_history_length": "1-4", **common,
        },
        {
            "user": "u1", "item": "i3", "timestamp": 220 * SECOND, "label_click": 1.0, "history_item": ["i1", "i2"],
            "history_age": [120, 60], "history_count": 2, "slice_history_length": "1-4", **common,
        },
        {
            "user": "u2", "item": "i9", "timestamp": 101 * SECOND, "label_click": 1.0, "history_item": [],
            "history_age": [], "history_count": 0, "slice_history_length": "0", **common,
        },
    ]  # fmt: skip


def test_simultaneous_events_do_not_know_each_other_and_keep_the_order_they_were_written_in() -> None:
    log = events([("u", "b", 5, 1), ("u", "a", 5, 1), ("u", "c", 6, 1)])
    histories = {example["item"]: example["history_item"] for example in made(log, configuration())}
    assert histories == {"a": [], "b": [], "c": ["b", "a"]}


def test_a_row_that_repeats_another_in_every_column_is_left_out() -> None:
    log = events([("u", "a", 5, 1), ("u", "a", 5, 1), ("u", "a", 5, 0), ("v", "a", 5, 1), ("u", "a", 5, 1)])
    kept, repeated = sort_events([log.slice(0, 2), log.slice(2)])
    assert kept.get_column("order").to_list() == [0, 2, 3]
    assert repeated.get_column("order").to_list() == [1, 4]


def test_only_what_the_configuration_calls_a_behaviour_is_in_a_history() -> None:
    log = events([("u", "a", 1, 1), ("u", "b", 2, 0), ("u", "c", 3, 1)])
    config = configuration(sequence={"behaviours": {"column": "click"}})
    assert [example["history_item"] for example in made(log, config)] == [[], ["a"], ["a"]]


def test_behaviours_become_known_after_the_delay() -> None:
    log = events([("u", "a", 0, 1), ("u", "b", 10, 1), ("u", "c", 11, 1)])
    config = configuration(sequence={"availability_delay": 10})
    assert [example["history_item"] for example in made(log, config)] == [[], [], ["a"]]


ITEMS = pl.DataFrame({"id": ["a", "b"], "genre": ["x", None], "tags": ["s|t", ""], "price": ["1.5", "free"]})
USERS = pl.DataFrame({"id": ["u"], "city": ["Zürich"]})


def with_attributes() -> IngestionConfig:
    attributes = [
        {"name": "genre", "from": "items", "use": ["target", "history"]},
        {"name": "tag_list", "from": "items", "column": "tags", "kind": "categorical_list", "use": ["target"]},
        {"name": "tags", "from": "items", "kind": "categorical_list", "use": ["history"]},
        {"name": "price", "from": "items", "kind": "numeric", "quantiles": 2, "use": ["target", "history"]},
        {"name": "city", "from": "users"},
        {"name": "device", "from": "events", "use": ["target", "history"]},
    ]
    tables = {name: {"path": f"{name}.csv", "format": "csv", "id": "id"} for name in ("items", "users")}
    return configuration(data__items=tables["items"], data__users=tables["users"], features={"attributes": attributes})


def test_attributes_of_items_users_and_events() -> None:
    log = events([("u", "a", 1, 1, "tv"), ("u", "b", 2, 0, None), ("u", "z", 3, 1, "phone"), ("w", "a", 4, 1, "tv")],
                 "device")  # fmt: skip
    found = shard(log, with_attributes(), items=ITEMS, users=USERS)
    examples = decoded(list(found.batches("train")))
    shown = [
        tuple(str(example[name]) for name in ("genre", "tag_list", "price", "city", "device")) for example in examples
    ]
    assert shown == [
        ("x", "['s', 't']", "1.5", "Zürich", "tv"),
        ("", "[]", "nan", "Zürich", ""),
        ("", "[]", "nan", "Zürich", "phone"),
        ("x", "['s', 't']", "1.5", "", "tv"),
    ]
    along = [str(examples[2][f"history_{name}"]) for name in ("item", "genre", "tags", "price", "device")]
    assert along == ["['a', 'b']", "['x', '']", "['s|t', '']", "[1.5, nan]", "['tv', '']"]
    assert found.without_attributes() == {"items": 1, "users": 1}


def test_masked_tasks_carry_no_label_and_events_without_any_are_behaviours_only() -> None:
    tasks = [
        {"name": "click", "label": {"column": "click"}, "mask": {"column": "shown"}},
        {"name": "buy", "label": {"column": "bought"}, "mask": {"column": "click"}},
    ]
    log = events([("u", "a", 1, 1, 0, 1), ("u", "b", 2, 0, 1, 1), ("u", "c", 3, 0, 0, 0), ("u", "d", 4, 1, 1, 0)],
                 "shown", "bought")  # fmt: skip
    found = shard(log, configuration(tasks=tasks))
    examples = decoded(list(found.batches("train")))
    names = ("item", "label_click", "mask_click", "label_buy", "mask_buy")
    assert [tuple(example[name] for name in names) for example in examples] == [
        ("a", 0.0, 0.0, 1.0, 1.0),
        ("b", 0.0, 1.0, 0.0, 0.0),
        ("d", 1.0, 1.0, 0.0, 1.0),
    ]
    assert examples[2]["history_item"] == ["a", "b", "c"]
    assert found.behaviours_only == 1
    assert found.positive_counts("train") == {"click": 1, "buy": 1}


def test_splits_by_time_and_what_is_new() -> None:
    log = events([("u", "a", 1, 1), ("u", "b", 10, 1), ("v", "a", 10, 1), ("u", "c", 20, 1), ("v", "b", 21, 1)])
    boundaries = Boundaries(10 * SECOND, 20 * SECOND)
    names = ("user", "item", "slice_user", "slice_item")
    found = {
        split: [tuple(e[name] for name in names) for e in made(log, configuration(), boundaries, split=split)]
        for split in ("train", "validation", "test")
    }
    assert found == {
        "train": [("u", "a", "known", "known")],
        "validation": [("u", "b", "known", "cold"), ("v", "a", "new", "known")],
        "test": [("u", "c", "known", "cold"), ("v", "b", "new", "cold")],
    }


def sampled(**settings: Any) -> IngestionConfig:
    return configuration(negatives={"source": "sampled", **settings})


def test_negatives_share_everything_with_their_positive_but_the_item() -> None:
    log = events([("u", "a", 1, 1), ("u", "b", 2, 0), ("u", "c", 3, 1)])
    catalogue = {"a": 1, "c": 1, "x": 3, "y": 1}
    found = shard(log, sampled(per_positive=2, distribution="popularity"), catalogue=catalogue)
    first, *drawn = examples = decoded(list(found.batches("train")))
    assert (first["item"], first["label_click"], first["sampling_probability"]) == ("a", 1.0, 1.0)
    assert [example["timestamp"] // SECOND for example in examples] == [1, 1, 1, 3, 3, 3]
    assert [example["item"] for example in examples[3:4]] == ["c"]
    assert {example["item"] for example in examples[4:]} == {"x", "y"}  # a was chosen before, c is its own
    assert all(example["history_item"] == ["a", "b"] for example in examples[3:])
    shares = {"a": 1 / 6, "c": 1 / 6, "x": 1 / 2, "y": 1 / 6}
    for example in drawn[:2] + examples[4:]:
        assert example["label_click"] == 0.0
        assert example["sampling_probability"] == pytest.approx(shares[example["item"]])
    assert found.sampled_count("train") == 4
    assert found.behaviours_only == 1  # b, an impression without a click


def test_negatives_that_cannot_be_found_are_counted() -> None:
    found = shard(events([("u", "a", 1, 1)]), sampled(per_positive=2), catalogue={"a": 5, "x": 1})
    assert [example["item"] for example in decoded(list(found.batches("train")))] == ["a", "x"]
    assert found.negatives_not_found == 1


def test_negatives_have_the_attributes_of_the_drawn_item() -> None:
    attributes = [{"name": "genre", "from": "items"}, {"name": "device", "from": "events"}]
    config = configuration(
        negatives={"source": "sampled"}, features={"attributes": attributes},
        data__items={"path": "items.csv", "format": "csv", "id": "id"},
    )  # fmt: skip
    log = events([("u", "b", 1, 1, "tv")], "device")
    positive, negative = made(log, config, items=ITEMS, catalogue={"a": 1, "b": 1})
    assert [(e["item"], e["genre"], e["device"]) for e in (positive, negative)] == [("b", "", "tv"), ("a", "x", "tv")]


ROW = st.tuples(st.sampled_from("uv"), st.sampled_from("abcd"), st.integers(0, 9), st.integers(0, 1))
LOG = st.lists(ROW, min_size=1, max_size=14, unique_by=lambda row: row[:3])
CATALOGUE = dict.fromkeys("abcdefgh", 1)


@settings(deadline=None, max_examples=60)
@given(LOG, LOG, st.integers(0, 9), st.sampled_from(["impressions", "sampled"]), st.integers(0, 3))
def test_no_example_knows_of_anything_at_or_after_its_instant(
    log: list[tuple[Any, ...]], other: list[tuple[Any, ...]], instant: int, negatives: str, delay: int
) -> None:
    """All that happens from an instant on is replaced by something else: examples before it stay, byte for byte."""
    config = configuration(negatives={"source": negatives}, sequence={"availability_delay": delay, "max_length": 3})
    changed = [row for row in log if row[2] < instant] + [row for row in other if row[2] >= instant]

    def before(rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
        if not rows:
            return []
        found = made(events(rows), config, catalogue=CATALOGUE)
        return [example for example in found if example["timestamp"] < instant * SECOND]

    assert before(log) == before(changed)


@settings(deadline=None, max_examples=60)
@given(LOG, st.integers(0, 13), st.sampled_from(["impressions", "sampled"]))
def test_a_simultaneous_event_changes_nothing_of_an_example(
    log: list[tuple[Any, ...]], chosen: int, negatives: str
) -> None:
    """All other events of the chosen one's instant are taken away: its own examples stay as they were."""
    config = configuration(negatives={"source": negatives})
    chosen_row = log[chosen % len(log)]
    alone = [row for row in log if row == chosen_row or row[2] != chosen_row[2]]

    def at_its_instant(rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
        found = made(events(rows), config, catalogue=CATALOGUE)
        return [e for e in found if e["user"] == chosen_row[0] and e["timestamp"] == chosen_row[2] * SECOND]

    together = at_its_instant(log)
    assert [example for example in at_its_instant(alone) if example not in together] == []


@settings(deadline=None, max_examples=30)
@given(LOG, st.randoms())
def test_the_order_of_the_rows_does_not_matter_where_times_differ(log: list[tuple[Any, ...]], random: Any) -> None:
    log = list({(row[0], row[2]): row for row in log}.values())
    shuffled = random.sample(log, len(log))
    assert made(events(log), configuration()) == made(events(shuffled), configuration())
