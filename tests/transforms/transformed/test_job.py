"""From raw examples to columns: the graph that serves is the graph that trained."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from interestflow.transforms.preprocessing import Preprocessing
from interestflow.transforms.transformed.job import TransformJobError, transform_examples
from tests.transforms.transform_graph import apply
from tests.transforms.transformed.raw_rows import CONFIG
from tests.transforms.transformed.transformed_rows import Transformed

FEATURES = {
    "item", "history_item", "history_age", "tags", "history_tags", "history_rating",
    "shop", "history_shop", "year", "history_year", "score", "history_score", "price", "item_text",
    "label_click", "label_like", "mask_like",
}  # fmt: skip
LABELS = {"label_click", "label_like", "mask_like"}


@pytest.mark.parametrize("split", ["train", "validation"])
def test_every_row_has_what_the_exported_graph_computes_from_its_raw_inputs(
    transformed: Transformed, split: str
) -> None:
    """As a server does, which has no labels."""
    rows, table = transformed.splits[split], transformed.table(split)
    served = apply(CONFIG, transformed.learned, rows, with_labels=False)
    assert set(served) == FEATURES - LABELS
    assert set(table.column_names) == FEATURES
    assert table.num_rows == len(rows)
    for name, tensor in served.items():
        np.testing.assert_array_equal(padded(table[name].to_pylist(), tensor), tensor, err_msg=name, strict=True)
    for name in LABELS:
        np.testing.assert_array_equal(table[name].to_numpy(), np.float32([row[name] for row in rows]), err_msg=name)


def padded(rows: list[object], like: np.ndarray) -> np.ndarray:
    """Return the rows of a column with zeros after their end, in the shape and type of a tensor."""
    result = np.zeros_like(like)
    for index, row in enumerate(rows):
        if isinstance(row, list):
            result[index, : len(row)] = np.array(row).reshape(len(row), *like.shape[2:])
        else:
            result[index] = row
    return result


def test_the_vocabularies_count_logged_targets_and_the_newest_behaviours(transformed: Transformed) -> None:
    logged = [row for row in transformed.splits["train"] if row["sampling_probability"] == 1.0]
    values = {
        "item": [row["item"] for row in logged],
        "tags": [tag for row in logged for tag in row["tags"]],
        "rating": [row["history_rating"][-1] for row in logged if row["history_rating"]],
    }
    for name, observed in values.items():
        counts = Counter(text.encode() for text in observed if text and "\n" not in text)
        expected = sorted(sorted(counts, reverse=True), key=counts.__getitem__, reverse=True)
        assert transformed.learned.vocabulary_by_name(name) == expected, name


def test_each_file_of_raw_examples_becomes_one_file_and_nothing_else_remains(transformed: Transformed) -> None:
    assert [file.name for file in transformed.files("train")] == [
        f"columns-0000{shard}-of-00003.arrow" for shard in range(3)
    ]
    assert [file.name for file in transformed.files("items")] == ["columns-00000-of-00001.arrow"]
    assert sorted(path.name for path in transformed.graph.iterdir()) == [
        "metadata", "transform_fn", "transformed_metadata",
    ]  # fmt: skip


def test_a_split_without_examples_has_a_file_with_the_schema(transformed: Transformed) -> None:
    assert "items" not in transformed.splits
    table = transformed.table("items")
    assert table.num_rows == 0
    assert table.schema.equals(transformed.table("train").schema, check_metadata=True)


def test_no_examples_to_learn_from_are_refused(tmp_path: Path) -> None:
    folders = [str(tmp_path / name) for name in ("raw", "graph", "columns")]
    with pytest.raises(TransformJobError, match="raw should hold examples to learn from in Split-train, received none"):
        transform_examples(beam.Pipeline("FnApiRunner"), Preprocessing(CONFIG), schema_pb2.Schema(), *folders)
