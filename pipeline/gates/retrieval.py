"""What a served matcher retrieves, held against an exact search over its own vectors, and how long it takes."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow.parquet as pq
import tensorflow as tf

from interestflow.serving.client import Client
from interestflow.serving.client.rows import Row
from interestflow.serving.config import ServingGateConfig
from interestflow.serving.examples import split_row
from interestflow.serving.export.item_embeddings import PARQUET
from interestflow.serving.raw_inputs import RawInput
from interestflow.serving.scorer import Scorer

ASKED = 20
"""Users whose items are compared."""


def retrieval_problems(client: Client, scorer: Scorer, rows: Sequence[Row], config: ServingGateConfig) -> Iterator[str]:
    """A reason where what is retrieved is not the best of all items.

    What is expected is computed from the user's interests, by `encode_user` of the model as it is loaded here, and the
    vectors of the Parquet file beside it.

    Args:
        client: of the server.
        scorer: the model in this process.
        rows: of the test split.
        config: how many items to ask for, and by how much a score may differ, relative to its size.
    """
    with tf.io.gfile.GFile(f"{scorer.model.folder}/{PARQUET}", "rb") as file:
        table = pq.read_table(io.BytesIO(file.read()))
    ids = np.array(table["item"].to_pylist(), object)
    vectors = np.stack(table["vector"].to_numpy())
    place = {item: number for number, item in enumerate(ids)}
    for number in range(0, len(rows), max(1, len(rows) // ASKED)):
        user = split_row(rows[number], scorer.inputs)[0]
        scores = (scorer.encode_user([user])[0] @ vectors.T).max(axis=0)
        seen = {item.decode() if isinstance(item, bytes) else item for item in user.get("history_item", ())}
        scores[[place[item] for item in seen if item in place]] = -np.inf
        found = client.retrieve(user, config.candidates)
        expected = np.sort(scores[scores > -np.inf])[::-1][: config.candidates]
        own = np.array([scores[place[item]] for item in found.items])
        if len(set(found.items)) != len(found.items) or len(found.items) != len(expected):
            yield (
                f"`retrieve` should give {len(expected)} different items for example {number}, "
                f"received {len(set(found.items))} in {len(found.items)}"
            )
            return
        # Both must agree: each item has its own score, and no item is left out that has a better one.
        for wanted in (own, expected):
            difference = np.max(np.abs(found.scores - wanted) / np.maximum(np.abs(wanted), 1.0), initial=0.0)
            if not difference <= config.tolerance:
                yield (
                    f"`retrieve` should give the best items of example {number} as an exact search does, within "
                    f"{config.tolerance:g}; a score differs by {difference:.3g}"
                )
                return


def retrieval_milliseconds(
    client: Client, rows: Sequence[Row], inputs: Sequence[RawInput], config: ServingGateConfig
) -> np.ndarray:
    """Of each request to retrieve items for one user."""
    users = [split_row(row, inputs)[0] for row in rows]
    client.retrieve(users[0], config.candidates)
    taken = []
    for number in range(config.requests):
        began = time.perf_counter()
        client.retrieve(users[number % len(users)], config.candidates)
        taken.append((time.perf_counter() - began) * 1e3)
    return np.array(taken)
