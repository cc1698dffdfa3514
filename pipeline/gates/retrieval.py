"""Check of a served matcher: its retrieved items, compared with an exact search over its vectors, and its latency."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow.parquet as pq
import tensorflow as tf

from interestflow.pipeline.gates.latency import request_latencies
from interestflow.serving.client import Client
from interestflow.serving.client.rows import Row
from interestflow.serving.config import ServingGateConfig
from interestflow.serving.examples import split_row
from interestflow.serving.export.item_embeddings import PARQUET
from interestflow.serving.raw_inputs import RawInput
from interestflow.serving.scorer import Scorer

COMPARED_USERS = 20
"""Users whose retrieved items are compared."""


def retrieval_problems(client: Client, scorer: Scorer, rows: Sequence[Row], config: ServingGateConfig) -> Iterator[str]:
    """Yield a reason if the retrieved items are not the best of all items.

    The expected items are computed from the user's interests, by `encode_user` of the model loaded in this process, and
    from the vectors of the Parquet file beside it.

    Args:
        client: Client of the server.
        scorer: The model in this process.
        rows: Rows of the test split.
        config: How many items to request, and by how much a score may differ, relative to its size.
    """
    with tf.io.gfile.GFile(f"{scorer.model.folder}/{PARQUET}", "rb") as file:
        table = pq.read_table(io.BytesIO(file.read()))
    ids = np.array(table["item"].to_pylist(), object)
    vectors = np.stack(table["vector"].to_numpy())
    column = {item: position for position, item in enumerate(ids)}
    for row_index in range(0, len(rows), max(1, len(rows) // COMPARED_USERS)):
        user = split_row(rows[row_index], scorer.inputs)[0]
        scores = (scorer.encode_user([user])[0] @ vectors.T).max(axis=0)
        history_items = {item.decode() if isinstance(item, bytes) else item for item in user.get("history_item", ())}
        scores[[column[item] for item in history_items if item in column]] = -np.inf
        response = client.retrieve(user, config.candidates)
        expected = np.sort(scores[scores > -np.inf])[::-1][: config.candidates]
        exact = np.array([scores[column[item]] for item in response.items])
        if len(set(response.items)) != len(response.items) or len(response.items) != len(expected):
            yield (
                f"`retrieve` should give {len(expected)} different items for example {row_index}, "
                f"received {len(set(response.items))} in {len(response.items)}"
            )
            return
        # Both must hold: each item has its exact score, and no item with a better score is missing.
        for wanted in (exact, expected):
            difference = np.max(np.abs(response.scores - wanted) / np.maximum(np.abs(wanted), 1.0), initial=0.0)
            if not difference <= config.tolerance:
                yield (
                    f"`retrieve` should give the best items of example {row_index} as an exact search does, within "
                    f"{config.tolerance:g}; a score differs by {difference:.3g}"
                )
                return


def retrieval_latencies(
    client: Client, rows: Sequence[Row], inputs: Sequence[RawInput], config: ServingGateConfig
) -> np.ndarray:
    """Return the latency of each request to retrieve items for one user, in ms.

    Args:
        client: Client of the server.
        rows: Rows whose users are requested in turn.
        inputs: Raw inputs of the model.
        config: How many requests to time, and how many items each asks for.
    """
    users = [split_row(row, inputs)[0] for row in rows]
    return request_latencies(lambda user: client.retrieve(user, config.candidates), users, config.requests)
