"""Files of all item vectors beside the exported model, for external vector stores."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

PARQUET = "assets.extra/item_embeddings.parquet"
NUMPY = "assets.extra/item_embeddings.npy"
FINGERPRINT = b"interestflow.fingerprint"
"""Key of the table's metadata whose value is the fingerprint of the model."""


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
    for name, buffer in ((PARQUET, content), (NUMPY, array)):
        path = tf.io.gfile.join(folder, name)
        tf.io.gfile.makedirs(path.rpartition("/")[0])
        with tf.io.gfile.GFile(path, "wb") as file:
            file.write(buffer.getvalue())
