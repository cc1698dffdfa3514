"""Files of all item vectors beside the exported model, for external vector stores."""

from __future__ import annotations

import tempfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

PARQUET = "assets.extra/item_embeddings.parquet"
NUMPY = "assets.extra/item_embeddings.npy"
FINGERPRINT = b"interestflow.fingerprint"
"""Key of the table's metadata whose value is the fingerprint of the model."""

ROWS = 2**17
"""Rows of the table that are written at a time."""


def write_item_embeddings(folder: str, ids: np.ndarray, vectors: np.ndarray, fingerprint: str) -> None:
    """Write the vectors twice into `assets.extra` of the model in `folder`, in the same order.

    `item_embeddings.parquet` has the columns `item`, text, and `vector`, a list of `d` float32. Its metadata has the
    fingerprint of the model, since the vectors only fit the output of that model's `encode_user`.
    `item_embeddings.npy` is just the array `[N, d]`.

    Args:
        folder: folder of the exported model.
        ids: ids of the items, UTF-8 `[N]`.
        vectors: vectors of the items, float32 `[N, d]`.
        fingerprint: fingerprint of the model.
    """
    vectors = np.ascontiguousarray(vectors, np.float32)
    with tempfile.TemporaryDirectory() as temporary:  # written to the disk, so that no copy of the vectors is in memory
        files = {name: f"{temporary}/{name.rpartition('/')[2]}" for name in (PARQUET, NUMPY)}
        _write_parquet(files[PARQUET], ids, vectors, fingerprint)
        np.save(files[NUMPY], vectors)
        for name, file in files.items():
            path = tf.io.gfile.join(folder, name)
            tf.io.gfile.makedirs(path.rpartition("/")[0])
            tf.io.gfile.copy(file, path, overwrite=True)


def _write_parquet(path: str, ids: np.ndarray, vectors: np.ndarray, fingerprint: str) -> None:
    """Write ids and vectors to a local file, some rows at a time."""
    fields = [("item", pa.string()), ("vector", pa.list_(pa.float32(), vectors.shape[1]))]
    schema = pa.schema(fields, metadata={FINGERPRINT: fingerprint.encode()})
    with pq.ParquetWriter(path, schema, compression="none") as writer:
        for start in range(0, len(ids), ROWS):
            part = slice(start, start + ROWS)
            items = pa.array(list(ids[part]), pa.binary()).cast(pa.string())
            flat = pa.array(vectors[part].reshape(-1))
            columns = [items, pa.FixedSizeListArray.from_arrays(flat, type=schema.field("vector").type)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
