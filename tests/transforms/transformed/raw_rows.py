"""Raw examples with every kind of feature, drawn at random, and their files, for the tests of the transform."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.examples.tfrecord_writer import ExampleFile
from interestflow.transforms.feature_spec import raw_feature_spec
from tests.transforms.transform_graph import configuration, filled

Row = dict[str, Any]
CONFIG = configuration(
    tasks=[
        {"name": "click", "label": {"column": "click"}},
        {"name": "like", "label": {"column": "like"}, "mask": {"column": "click"}},
    ],
    negatives={"source": "sampled", "per_positive": 1},
    attributes=[
        {
            "name": "tags", "from": "items", "kind": "categorical_list", "separator": "; ", "max_values": 2,
            "use": ["target", "history"],
        },
        {"name": "rating", "from": "events", "use": ["history"]},
        {"name": "shop", "from": "items", "hash_buckets": 7, "use": ["target", "history"]},
        {"name": "year", "from": "items", "kind": "numeric", "boundaries": [1990, 2000], "use": ["target", "history"]},
        {"name": "score", "from": "events", "kind": "numeric", "quantiles": 4, "use": ["target", "history"]},
        {"name": "price", "from": "items", "kind": "numeric"},
    ],
)  # fmt: skip


def draw_rows(count: int, seed: int) -> list[Row]:
    """Return rows with histories of none to six behaviours, of which the transform keeps three."""
    draw = random.Random(seed)

    def text(name: str, kinds: int) -> str:
        # Long ids, ids beyond ASCII, a line break, and missing ones.
        return draw.choice(["", "東京", "line\nbreak", name * 60, *(f"{name}{index}" for index in range(kinds))])

    def number() -> float:
        return draw.choice([math.nan, draw.uniform(1980, 2010)])

    rows = []
    for _ in range(count):
        length = draw.randrange(7)
        rows.append(
            {
                "user": f"u{draw.randrange(9)}",
                "item": text("i", 12), "history_item": [text("i", 12) for _ in range(length)],
                "history_age": sorted((draw.randrange(-5, 2**40) for _ in range(length)), reverse=True),
                "tags": [text("t", 5) for _ in range(draw.randrange(4))],
                "history_tags": ["; ".join(text("t", 5) for _ in range(draw.randrange(4))) for _ in range(length)],
                "history_rating": [text("", 3) for _ in range(length)],
                "shop": text("s", 9), "history_shop": [text("s", 9) for _ in range(length)],
                "year": number(), "history_year": [number() for _ in range(length)],
                "score": number(), "history_score": [number() for _ in range(length)],
                "price": number(),
                "label_click": float(draw.randrange(2)), "label_like": draw.random(), "mask_like": 1.0,
                "sampling_probability": draw.choice([1.0, 0.25]),
            }
        )  # fmt: skip
    return rows


def write_rows(config: IngestionConfig, path: Path, rows: Sequence[Row]) -> None:
    """Write rows as a file of raw examples."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExampleFile(str(path)) as file:
        file.write([serialize(config, row) for row in rows])


def serialize(config: IngestionConfig, row: Row) -> bytes:
    """Return a row as a serialized `tf.Example`."""
    spec = raw_feature_spec(config, with_labels=True)
    example = tf.train.Example()
    for name, value in filled(row, spec).items():
        feature, values = example.features.feature[name], value if isinstance(value, list) else [value]
        if spec[name].dtype == tf.int64:
            feature.int64_list.value.extend(values)
        elif spec[name].dtype == tf.float32:
            feature.float_list.value.extend(values)
        else:
            feature.bytes_list.value.extend(text.encode() for text in values)
    return example.SerializeToString()
