"""Columns of examples: attributes of target and history, slices."""

from __future__ import annotations

import polars as pl

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.splits import Boundaries
from tests.transforms.examples.small_shards import examples_of, shard_examples
from tests.transforms.small_log import SECOND, configuration, decoded, events

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
    shard = shard_examples(log, with_attributes(), items=ITEMS, users=USERS)
    examples = decoded(list(shard.batches("train")))
    target = [
        tuple(str(example[name]) for name in ("genre", "tag_list", "price", "city", "device")) for example in examples
    ]
    assert target == [
        ("x", "['s', 't']", "1.5", "Zürich", "tv"),
        ("", "[]", "nan", "Zürich", ""),
        ("", "[]", "nan", "Zürich", "phone"),
        ("x", "['s', 't']", "1.5", "", "tv"),
    ]
    along = [str(examples[2][f"history_{name}"]) for name in ("item", "genre", "tags", "price", "device")]
    assert along == ["['a', 'b']", "['x', '']", "['s|t', '']", "[1.5, nan]", "['tv', '']"]
    assert shard.without_attributes() == {"items": 1, "users": 1}


def test_negatives_have_the_attributes_of_the_sampled_item() -> None:
    attributes = [{"name": "genre", "from": "items"}, {"name": "device", "from": "events"}]
    config = configuration(
        negatives={"source": "sampled"}, features={"attributes": attributes},
        data__items={"path": "items.csv", "format": "csv", "id": "id"},
    )  # fmt: skip
    log = events([("u", "b", 1, 1, "tv")], "device")
    positive, negative = examples_of(log, config, items=ITEMS, catalogue={"a": 1, "b": 1})
    assert [(e["item"], e["genre"], e["device"]) for e in (positive, negative)] == [("b", "", "tv"), ("a", "x", "tv")]


def test_splits_by_time_and_what_is_new() -> None:
    log = events([("u", "a", 1, 1), ("u", "b", 10, 1), ("v", "a", 10, 1), ("u", "c", 20, 1), ("v", "b", 21, 1)])
    boundaries = Boundaries(10 * SECOND, 20 * SECOND)
    names = ("user", "item", "slice_user", "slice_item")
    examples = {
        split: [tuple(e[name] for name in names) for e in examples_of(log, configuration(), boundaries, split=split)]
        for split in ("train", "validation", "test")
    }
    assert examples == {
        "train": [("u", "a", "known", "known")],
        "validation": [("u", "b", "known", "cold"), ("v", "a", "new", "known")],
        "test": [("u", "c", "known", "cold"), ("v", "b", "new", "cold")],
    }
