"""The vectors of all items as files beside the model that they belong to, for a vector store of one's own."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

PARQUET = "assets.extra/item_embeddings.parquet"
NUMPY = "assets.extra/item_embeddings.npy"
FINGERPRINT = b"interestflow.fingerprint"
"""The key of the table's metadata that names the model."""


def write_item_embeddings(folder: str, ids: np.ndarray, vectors: np.ndarray, fingerprint: str) -> None:
    """Writes the vectors twice into `assets.extra` of the model in `folder`, in the same order.

    `item_embeddings.parquet` has `item`, text, and `vector`, a list of as many float32 as there are dimensions, and in
    its metadata the fingerprint of the model, without whose `encode_user` the vectors mean nothing;
    `item_embeddings.npy` is the array `[N, d]` alone.

    Args:
        folder: of the exported model.
        ids: UTF-8 `[N]`.
        vectors: float32 `[N, d]`.
        fingerprint: of the model.
    """
    flat = pa.array(np.ascontiguousarray(vectors, np.float32).reshape(-1))
    table = pa.table(
        {
            "item": pa.array(list(ids), pa.binary()).cast(pa.string()),
            "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
        }
    ).replace_schema_metadata({FINGERPRINT: fingerprint.encode()})
    content = io.BytesIO()
    pq.write_table(table, content, compression="none")
    array = io.BytesIO()
    np.save(array, np.ascontiguousarray(vectors, np.float32))
    for name, written in ((PARQUET, content), (NUMPY, array)):
        path = tf.io.gfile.join(folder, name)
        tf.io.gfile.makedirs(path.rpartition("/")[0])
        with tf.io.gfile.GFile(path, "wb") as file:
            file.write(written.getvalue())
