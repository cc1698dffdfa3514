"""How long an exact search among all items takes, beside the matrix product that it cannot do without, and ScaNN.

    benchmarks/peers/setup.sh
    python benchmarks/retrieval_serving.py
    python benchmarks/retrieval_serving.py --items 100000 --requests 200

The search is that of an exported matcher, loaded from a SavedModel as a server loads it, asked for one user at a time.
The product is of the same interests and the same vectors, in the same process, in turns with it, so that what else the
machine does falls on both alike. Exits with 1 where the search takes more than `BAR` times the product.

ScaNN, after that, searches the same vectors for the same users in an environment of its own, without `seen` and names:
see `benchmarks/peers/scann_search.py`. Where there is no such environment its row is left out, which is said. Vectors
lie around as many centres as items have a root, users around the same centres: what is drawn from one Gaussian has no
neighbours that an index could know of.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from resident_memory import resident_megabytes
from rich.console import Console
from rich.table import Table

from interestflow.serving.export.exact_index import ExactIndex
from interestflow.serving.session_model import SessionModel

DIMENSION, INTERESTS, COUNT, HISTORY = 64, 4, 50, 50
BAR = 1.5
PEER = Path(__file__).parent / "peers"


def clustered(random: np.random.Generator, items: int, requests: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors [items, d] and users [requests, 1, K, d], each a centre and as much of its own."""
    centres = random.normal(size=(round(items**0.5), DIMENSION))

    def around(*shape: int) -> np.ndarray:
        chosen = centres[random.integers(0, len(centres), shape)]
        return (chosen + random.normal(size=chosen.shape)).astype(np.float32)

    return around(items), around(requests, 1, INTERESTS)


class _Searched(tf.Module):
    def __init__(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        super().__init__()
        self.index = ExactIndex(ids, vectors)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, INTERESTS, DIMENSION], tf.float32, name="users"),
            tf.TensorSpec([None, None], tf.string, name="history"),
            tf.TensorSpec([None], tf.int32, name="k"),
        ]
    )
    def search(self, users: tf.Tensor, history: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        items, scores = self.index.search(users, history, k)
        return {"items": items, "scores": scores}


def measured(items: int, requests: int) -> dict[str, float]:
    """Milliseconds of search and product, by share, their ratio, and megabytes of the index in memory."""
    random = np.random.default_rng(7)
    ids = np.array([f"i{number}".encode() for number in range(items)], object)
    vectors, users = clustered(random, items, requests)
    seen = random.integers(0, items, (requests, 1, HISTORY))
    with tempfile.TemporaryDirectory() as folder:
        module = _Searched(ids, vectors)
        tf.saved_model.save(module, folder, signatures={"search": module.search})
        del module
        command = [sys.executable, __file__, "--memory-of", folder]
        finished = subprocess.run(command, capture_output=True, text=True, check=True)
        loaded = float(finished.stdout)
        search = SessionModel(folder)
        kept = tf.Variable(np.ascontiguousarray(vectors.T))
        product = tf.function(lambda interests: tf.matmul(interests, kept))
        times: dict[str, list[float]] = {"search": [], "product": []}
        for number in range(-3, requests):  # the first few are not counted: graphs are traced, memory is found
            asked = {"users": users[number], "history": ids[seen[number]], "k": np.array([COUNT], np.int32)}
            interests = tf.constant(users[number])
            began = time.perf_counter()
            search.run("search", asked)
            between = time.perf_counter()
            product(interests[0])[0, 0].numpy()
            end = time.perf_counter()
            if number >= 0:
                times["search"].append((between - began) * 1e3)
                times["product"].append((end - between) * 1e3)
    found = {f"{name} p{share}": float(np.percentile(times[name], share)) for name in times for share in (50, 99)}
    ratios = np.array(times["search"]) / np.array(times["product"])
    return found | {"ratio": float(np.median(ratios)), "megabytes": loaded}


def memory_of(folder: str) -> float:
    """Megabytes that loading the model takes; in a process that has freed nothing before, which would be used again."""
    before = resident_megabytes()
    loaded = SessionModel(folder)
    found = resident_megabytes() - before
    del loaded  # not before it is measured
    return found


def by_scann(items: int, requests: int) -> dict[str, float] | None:
    """Its figures on the same vectors and users; None where it is not installed."""
    python = PEER / ".venv-scann/bin/python"
    if not python.exists():
        return None
    vectors, users = clustered(np.random.default_rng(7), items, requests)
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/vectors.npy", vectors)
        np.save(f"{folder}/users.npy", users[:, 0])
        command = [str(python), str(PEER / "scann_search.py"), folder, str(COUNT)]
        finished = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(finished.stdout)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        print(memory_of(arguments.memory_of))
        return 0
    table = Table(title=f"exact search, {DIMENSION} dimensions, {INTERESTS} interests, the best {COUNT}, one user")
    for heading in ("items", "search p50", "p99", "product p50", "p99", "ratio", "bar", "index in memory"):
        table.add_column(heading, justify="right")
    is_short = False
    for items in arguments.items:
        found = measured(items, arguments.requests)
        is_short |= found["ratio"] > BAR
        times = (f"{found[f'{name} p{share}']:.1f} ms" for name in ("search", "product") for share in (50, 99))
        bar = f"{'ok' if found['ratio'] <= BAR else 'SHORT'} <= {BAR:g}"
        table.add_row(f"{items:,}", *times, f"{found['ratio']:.2f}", bar, f"{found['megabytes']:,.0f} MB")
    console = Console(width=120)
    console.print(table)
    console.print(_scann_table(arguments.items, arguments.requests))
    return int(is_short)


def _scann_table(sizes: list[int], requests: int) -> Table | str:
    table = Table(title=f"ScaNN 1.4.2 on the same: the best {COUNT}")
    for heading in ("items", "p50", "p99", f"recall@{COUNT} of the exact", "index in memory", "built in"):
        table.add_column(heading, justify="right")
    for items in sizes:
        found = by_scann(items, requests)
        if found is None:
            return "ScaNN is left out: benchmarks/peers/setup.sh builds its environment"
        table.add_row(
            f"{items:,}", f"{found['p50']:.1f} ms", f"{found['p99']:.1f} ms", f"{found['recall']:.3f}",
            f"{found['megabytes']:,.0f} MB", f"{found['seconds']:.0f} s",
        )  # fmt: skip
    return table


if __name__ == "__main__":
    raise SystemExit(main())
