"""Files of item vectors, which other programs can read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from interestflow.serving.export.item_embeddings import FINGERPRINT, NUMPY, PARQUET, write_item_embeddings

IDS = np.array([b"i1", "東京".encode()], object)
VECTORS = np.array([[1.0, -2.0, 0.5], [0.25, 0.0, 3.0]], np.float32)


def test_both_files_hold_the_vectors_in_order(tmp_path: Path) -> None:
    write_item_embeddings(str(tmp_path), IDS, VECTORS, "abc")
    table = pq.read_table(tmp_path / PARQUET)
    assert table.schema.field("item").type == pa.string()
    assert table.schema.field("vector").type == pa.list_(pa.float32(), 3)
    assert table.schema.metadata[FINGERPRINT] == b"abc"
    assert table.to_pydict() == {"item": ["i1", "東京"], "vector": VECTORS.tolist()}
    array = np.load(tmp_path / NUMPY)
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, VECTORS)


def test_columns_in_memory_are_written_as_rows(tmp_path: Path) -> None:
    write_item_embeddings(str(tmp_path), IDS, np.asfortranarray(VECTORS), "")
    np.testing.assert_array_equal(np.load(tmp_path / NUMPY), VECTORS)
    assert pq.read_table(tmp_path / PARQUET)["vector"].to_pylist() == VECTORS.tolist()
