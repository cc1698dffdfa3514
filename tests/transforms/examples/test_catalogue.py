"""One exact example for each item of the table, and for each item of the training window that it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import polars as pl
from apache_beam.options.pipeline_options import PipelineOptions

from interestflow.transforms.examples.catalogue import item_batches
from interestflow.transforms.examples.catalogue_counts import CatalogueCounts
from interestflow.transforms.examples.entities import Entities
from interestflow.transforms.ingestion.counts import IngestionCounts
from interestflow.transforms.ingestion.job import ingest, remove_scratch
from interestflow.transforms.reading.columns import ENTITY, frame_column
from tests.beam_arguments import BEAM_ARGUMENTS
from tests.transforms.small_log import configuration, decoded, read_split

ATTRIBUTES = [
    {"name": "kind", "from": "items", "use": ["target", "history"]},
    {"name": "tags_list", "from": "items", "kind": "categorical_list"},
    {"name": "price", "from": "items", "kind": "numeric"},
    {"name": "device", "from": "events"},
]


def item_examples(items: pl.DataFrame | None, catalogue: dict[str, int], **sections: Any) -> list[dict[str, Any]]:
    """Return the decoded examples of the items of a table and of a training window, in batches of two."""
    config = configuration(**sections)
    table = Entities.from_frame(items, config.features.attributes_of("items"))
    counts = CatalogueCounts(pl.Series(list(catalogue), dtype=pl.String), np.array(list(catalogue.values())))
    return decoded(list(item_batches(config, table, counts, size=2)))


def test_without_a_table_the_items_are_those_of_the_training_window() -> None:
    examples = item_examples(None, {"b": 2, "a": 1})
    nothing = {
        "user": "", "timestamp": 0, "history_item": [], "history_age": [], "history_count": 0, "label_click": 0.0,
        "slice_history_length": "", "slice_user": "", "slice_item": "known", "sampling_probability": 1.0,
    }  # fmt: skip
    assert examples == [{"item": "a", **nothing}, {"item": "b", **nothing}]


def test_an_item_has_its_attributes_whether_or_not_it_was_seen() -> None:
    """z is in the log alone, a in the table alone; batches of two, so that the table ends within one."""
    items = pl.DataFrame(
        {
            ENTITY: ["c", "b", "a"],
            frame_column("kind"): ["k1", None, "k3"],
            frame_column("tags_list"): ["x y", "", "y"],
            frame_column("price"): [1.5, 2.0, None],
        }
    )
    attributes = [dict(a, separator=" ") if a["name"] == "tags_list" else a for a in ATTRIBUTES]
    table = {"path": "i.csv", "format": "csv", "id": "id"}
    counts = {"z": 1, "c": 4, "b": 2}
    examples = item_examples(items, counts, data__items=table, features={"attributes": attributes})
    values = [(e["item"], e["kind"], e["tags_list"], e["price"], e["device"], e["slice_item"]) for e in examples]
    assert [row[:3] + row[4:] for row in values] == [
        ("c", "k1", ["x", "y"], "", "known"),
        ("b", "", [], "", "known"),
        ("a", "k3", ["y"], "", "cold"),
        ("z", "", [], "", "known"),
    ]
    np.testing.assert_array_equal([row[3] for row in values], np.float32([1.5, 2.0, np.nan, np.nan]))
    assert [e["history_kind"] for e in examples] == [[]] * 4


def test_ingestion_writes_the_items_split_if_requested(tmp_path: Path) -> None:
    """Ten instants, of which the last two are validation and test: i9 and i10 are in no training window."""
    rows = "".join(f"u,i{time},{time},1\n" for time in range(1, 11))
    (tmp_path / "events.csv").write_text("user,item,time,click\n" + rows)
    with beam.Pipeline(options=PipelineOptions(BEAM_ARGUMENTS)) as pipeline:
        folders = str(tmp_path / "examples"), str(tmp_path / "report")
        scratch = ingest(configuration(tmp_path), pipeline, *folders, with_items=True)
    remove_scratch(scratch)
    counts = IngestionCounts.model_validate_json((tmp_path / "report" / "counts.json").read_text())
    assert counts.examples == {"train": 8, "validation": 1, "test": 1, "items": 8}
    assert [e["item"] for e in read_split(tmp_path / "examples", "items")] == [f"i{n}" for n in range(1, 9)]
