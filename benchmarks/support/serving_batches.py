"""Server-side batching under load: whether requests of all sizes get the same scores as without batching."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.support.serving_load import NAME, serve_versions
from interestflow.serving.client import Client, ClientError
from interestflow.serving.client.rows import Row
from interestflow.serving.examples import split_row
from interestflow.serving.scorer import Scorer

THREADS, REQUESTS, MAX_CANDIDATES = 64, 1280, 1000
BATCHING = "max_batch_size { value: 128 }\nbatch_timeout_micros { value: 1000 }\nnum_batch_threads { value: 2 }\n"
PARITY = 1e-6
"""Largest difference of a score that is allowed."""
Ranking = tuple[Row, Sequence[Row]]
"""User and candidates of a request."""


def mixed_rankings(model: str, rows: Sequence[Row]) -> list[Ranking]:
    """Return requests with users of any history and 1 to `MAX_CANDIDATES` candidates.

    Few are large, as in an application; each power of two is as likely as the next.
    """
    inputs = Scorer(model).inputs
    random = np.random.default_rng(7)
    parts = [split_row(row, inputs) for row in rows[: 4 * MAX_CANDIDATES]]
    rankings: list[Ranking] = []
    for _ in range(REQUESTS):
        user, _ = parts[random.integers(len(parts))]
        count = int(2 ** random.uniform(0.0, np.log2(MAX_CANDIDATES)))
        rankings.append((user, [parts[index][1] for index in random.integers(len(parts), size=count)]))
    return rankings


def check_batching(model: str, base: Path, rows: Sequence[Row]) -> bool:
    """Compare rankings on a server that batches with the same rankings on a server that does not.

    Returns:
        Whether no request fails, and all scores agree within `PARITY`.
    """
    rankings = mixed_rankings(model, rows)
    with serve_versions(base) as address, Client(address, NAME, timeout=60) as client:
        expected = [client.rank(*ranking).by_task for ranking in rankings]
    failures: list[ClientError] = []
    differences: list[float] = []

    def send(client: Client, index: int) -> None:
        try:
            scores = client.rank(*rankings[index]).by_task
        except ClientError as error:
            failures.append(error)
            return
        differences.extend(float(np.abs(scores[task] - expected[index][task]).max()) for task in scores)

    with tempfile.TemporaryDirectory() as temporary:
        parameters = Path(temporary) / "batching_parameters.txt"
        parameters.write_text(BATCHING)
        options = ("--batching-parameters", str(parameters), "--grpc-max-threads", str(2 * THREADS))
        with serve_versions(base, *options) as address, Client(address, NAME, timeout=60) as client:
            began = time.perf_counter()
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(lambda index: send(client, index), range(len(rankings))))
            seconds = time.perf_counter() - began
    largest = max(differences, default=float("inf"))
    print(
        f"{len(rankings):,} rankings of 1 to {MAX_CANDIDATES:,} candidates, {THREADS} client threads, batching on, "
        f"{len(rankings) / seconds:.0f} a second: {len(failures)} failed, bar: none; "
        f"largest difference from single requests {largest:.1e}, bar: {PARITY:.0e}"
    )
    for failure in failures[:3]:
        print(failure)
    return not failures and largest <= PARITY
