"""A log with every difficulty, and its examples as ingestion builds them, for the tests of the leak check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tensorflow as tf
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from interestflow.transforms.config import ENTITY_TABLES, IngestionConfig
from interestflow.transforms.examples.catalogue_counts import count_catalogue
from interestflow.transforms.examples.entities import Entities
from interestflow.transforms.examples.event_order import sort_events
from interestflow.transforms.examples.shard import ShardExamples
from interestflow.transforms.examples.tfrecord_writer import ExampleFile
from interestflow.transforms.leakage.comparison import UserLog, compare
from interestflow.transforms.leakage.reference_examples import Features
from interestflow.transforms.reading.entities import read_attributes
from interestflow.transforms.reading.events import read_events
from interestflow.transforms.reading.files import list_files
from interestflow.transforms.splits import SPLITS, find_boundaries
from tests.transforms.small_config import shop

EVENTS, USERS, ITEMS = 600, 12, 25
ATTRIBUTES = [
    {"name": "colour", "from": "items", "use": ["target", "history"]},
    {"name": "tags", "from": "items", "kind": "categorical_list", "max_values": 2, "use": ["target", "history"]},
    {"name": "price", "from": "items", "kind": "numeric", "quantiles": 3},
    {"name": "device", "from": "events"},
    {"name": "stars", "from": "events", "kind": "numeric", "quantiles": 3, "use": ["history"]},
    {"name": "country", "from": "users"},
]


def write_log(folder: Path) -> None:
    """Write events out of order, many simultaneous and some repeated, into two files; and tables that lack some ids."""
    draw = np.random.default_rng(5)
    rows = [
        f"u{draw.integers(USERS)},i{draw.integers(ITEMS)},{draw.integers(150)},{draw.integers(2)},"
        f"{draw.choice(['view', 'buy'])},{draw.choice(['web', 'app', ''])},{draw.integers(1, 6)},{draw.integers(2)}"
        for _ in range(EVENTS)
    ]
    rows += rows[:20]
    header = "user_id,item_id,at,click,type,device,stars,seen"
    (folder / "events-1.csv").write_text("\n".join([header, *rows[:200]]))
    (folder / "events-2.csv").write_text("\n".join([header, *rows[200:]]))
    items = [f"i{item},{('red', 'blue', '')[item % 3]},a|b{item % 4}||c,{item / 3}" for item in range(ITEMS - 2)]
    (folder / "items.csv").write_text("\n".join(["id,colour,tags,price", *items]))
    (folder / "users.csv").write_text("\n".join(["id,country", *(f"u{user},c{user % 3}" for user in range(USERS - 1))]))


def configuration(folder: Path, **sections: Any) -> IngestionConfig:
    """Return the configuration of the log; `sections` replace those of the same name."""
    tables = {name: {"path": f"{name}.csv", "format": "csv", "id": "id"} for name in ("items", "users")}
    sequence = {"max_length": 6, **sections.pop("sequence", {})}
    attributes = sections.pop("attributes", ATTRIBUTES)
    return shop(folder, data=tables, sequence=sequence, features={"attributes": attributes}, **sections)


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "delay": {"sequence": {"availability_delay": 3.5}},
    "behaviours": {"sequence": {"behaviours": {"column": "click"}}},
    "types": {"events": {"event_type": "type"}, "tasks": [{"name": "buy", "label": {"event_types": ["buy"]}}]},
    "masks": {
        "tasks": [
            {"name": "like", "label": {"column": "stars", "at_least": 4}, "mask": {"column": "seen"}},
            {"name": "bad", "label": {"column": "stars", "one_of": [1, 2]}, "mask": {"column": "click"}},
        ]
    },
    "sampled": {"negatives": {"source": "sampled", "per_positive": 2, "distribution": "popularity"}},
    "history_negatives": {"sequence": {"history_negatives": True}},
    "sampled_masks": {
        "negatives": {"source": "sampled"},
        "tasks": [{"name": "like", "label": {"column": "stars", "at_least": 4}, "mask": {"column": "seen"}}],
    },
}


class IngestedLog:
    """A log, its examples as ingestion builds them, and what the check needs to compare the two."""

    def __init__(self, folder: Path, config: IngestionConfig) -> None:
        self.config, self.folder = config, folder
        files = list_files(config.data.events, config.data.folder)
        blocks = [table.frame for index, path in enumerate(files) for table in read_events(path, index, config)]
        self.events = pl.concat(blocks)
        tables = {name: read_attributes(config, name) for name in ENTITY_TABLES}
        self.tables = [table.frame for table in tables.values() if table is not None]
        ordered, _ = sort_events(blocks)
        times, counts = np.unique(ordered.get_column("timestamp").to_numpy(), return_counts=True)
        boundaries = find_boundaries(times, counts, config.split, config.data.events)
        entities = [
            Entities.from_frame(frame, config.features.attributes_of(name))
            for name, frame in zip(ENTITY_TABLES, self.tables, strict=True)
        ]
        shard = ShardExamples(ordered, config, *entities, boundaries, count_catalogue(ordered, boundaries))
        encoder = RecordBatchToExamplesEncoder()
        self.records = {
            split: [record for batch in shard.batches(split) for record in encoder.encode(batch)] for split in SPLITS
        }
        self.examples = {split: [features(record) for record in records] for split, records in self.records.items()}
        first = self.events.group_by("item").agg(pl.col("timestamp").min())
        self.first_seen = dict(first.iter_rows())

    def findings(self, examples: dict[str, list[Features]], first_seen: dict[str, int] | None = None) -> list[str]:
        """Return the findings on these examples as text."""
        log = UserLog(self.events, *self.tables, first_seen or self.first_seen)
        result = compare(examples, log, self.config, per_user=EVENTS)
        assert result.by_feature.total() >= len(result.findings)
        return [str(finding) for finding in result.findings]

    def write(self, records: dict[str, list[bytes]] | None = None) -> Path:
        """Write the examples, or other records, by split, and return their folder."""
        folder = self.folder / "examples"
        for split, of_split in (records or self.records).items():
            (folder / f"Split-{split}").mkdir(parents=True, exist_ok=True)
            with ExampleFile(str(folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz")) as file:
                file.write(of_split)
        return folder


def features(record: bytes) -> Features:
    """Return the features of a serialized example as lists."""
    values_by_name = {}
    for name, feature in tf.train.Example.FromString(record).features.feature.items():
        kind = feature.WhichOneof("kind")
        values = list(getattr(feature, kind).value) if kind else []
        values_by_name[name] = [value.decode() if isinstance(value, bytes) else value for value in values]
    return values_by_name


def with_history(examples: dict[str, list[Features]]) -> Features:
    """Return the last training example that has some behaviours."""
    return next(example for example in reversed(examples["train"]) if len(example["history_item"]) > 2)
