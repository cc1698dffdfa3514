"""Benchmark of exact retrieval: latency compared with the matrix product that it needs at least, and with ScaNN.

    benchmarks/peers/setup.sh
    python benchmarks/retrieval_serving.py
    python benchmarks/retrieval_serving.py --items 100000 --requests 200

The search is that of an exported matcher, loaded from a SavedModel as a server loads it, for one user at a time. The
product is of the same interests and vectors, in the same process and in turns, so that other load on the machine
affects both alike. Exits with 1 if the search takes more than `BAR` times as long as the product.

ScaNN then searches the same vectors for the same users in an environment of its own, without seen items and names: see
`benchmarks/peers/scann_search.py`. Without that environment its table is left out, with a message. The vectors lie
around sqrt(items) centers, and users around the same centers: vectors drawn from one Gaussian have no neighbourhoods
that an index could use.
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
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

from benchmarks.support.resident_memory import resident_megabytes
from interestflow.serving.export.exact_index import ExactIndex
from interestflow.serving.session_model import SessionModel

DIMENSION, INTERESTS, COUNT, HISTORY = 64, 4, 50, 50
BAR = 1.5
PEER = Path(__file__).parent / "peers"


def clustered(random: np.random.Generator, items: int, requests: int) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors `[items, d]` and users `[requests, 1, K, d]`, each a random center plus noise of the same size."""
    centers = random.normal(size=(round(items**0.5), DIMENSION))

    def sample(*shape: int) -> np.ndarray:
        means = centers[random.integers(0, len(centers), shape)]
        return (means + random.normal(size=means.shape)).astype(np.float32)

    return sample(items), sample(requests, 1, INTERESTS)


class _SearchModule(tf.Module):
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


def measure(items: int, requests: int) -> dict[str, float]:
    """Return latencies of search and product in ms, by percentile, their ratio, and the memory of the index in MB."""
    random = np.random.default_rng(7)
    ids = np.array([f"i{index}".encode() for index in range(items)], object)
    vectors, users = clustered(random, items, requests)
    histories = random.integers(0, items, (requests, 1, HISTORY))
    with tempfile.TemporaryDirectory() as folder:
        module = _SearchModule(ids, vectors)
        tf.saved_model.save(module, folder, signatures={"search": module.search})
        del module
        command = [sys.executable, __file__, "--memory-of", folder]
        finished = subprocess.run(command, capture_output=True, text=True, check=True)
        loaded = float(finished.stdout)
        search = SessionModel(folder)
        matrix = tf.Variable(np.ascontiguousarray(vectors.T))
        product = tf.function(lambda interests: tf.matmul(interests, matrix))
        times: dict[str, list[float]] = {"search": [], "product": []}
        for request_index in range(-3, requests):  # the first few trace graphs and allocate memory, and are not counted
            inputs = {
                "users": users[request_index],
                "history": ids[histories[request_index]],
                "k": np.array([COUNT], np.int32),
            }
            interests = tf.constant(users[request_index])
            began = time.perf_counter()
            search.run("search", inputs)
            between = time.perf_counter()
            product(interests[0])[0, 0].numpy()
            end = time.perf_counter()
            if request_index >= 0:
                times["search"].append((between - began) * 1e3)
                times["product"].append((end - between) * 1e3)
    figures = {f"{name} p{share}": float(np.percentile(times[name], share)) for name in times for share in (50, 99)}
    ratios = np.array(times["search"]) / np.array(times["product"])
    return figures | {"ratio": float(np.median(ratios)), "megabytes": loaded}


def memory_of(folder: str) -> float:
    """Return the MB that loading the model takes, in a process that has freed no memory that could be reused."""
    before = resident_megabytes()
    model = SessionModel(folder)
    megabytes = resident_megabytes() - before
    del model  # kept until it is measured
    return megabytes


def measure_scann(items: int, requests: int) -> dict[str, float] | None:
    """Return the figures of ScaNN on the same vectors and users; None if it is not installed."""
    python = PEER / ".venv-scann/bin/python"
    if not python.exists():
        return None
    vectors, users = clustered(np.random.default_rng(7), items, requests)
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/vectors.npy", vectors)
        np.save(f"{folder}/users.npy", users[:, 0])
        command = [str(python), str(PEER / "scann_search.py"), folder, str(COUNT)]
        finished = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(finished.stdout)
    return figures


def main() -> int:
    """Run the benchmark and return 0 if its bars are reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[100_000, 1_000_000], help="Numbers of items.")
    parser.add_argument("--requests", type=int, default=60, help="Timed requests.")
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
        figures = measure(items, arguments.requests)
        is_short |= figures["ratio"] > BAR
        times = (f"{figures[f'{name} p{share}']:.1f} ms" for name in ("search", "product") for share in (50, 99))
        bar = f"{'ok' if figures['ratio'] <= BAR else 'SHORT'} <= {BAR:g}"
        table.add_row(f"{items:,}", *times, f"{figures['ratio']:.2f}", bar, f"{figures['megabytes']:,.0f} MB")
    console = Console(width=120)
    console.print(table)
    console.print(_scann_table(arguments.items, arguments.requests))
    return int(is_short)


def _scann_table(sizes: list[int], requests: int) -> Table | str:
    """Return the table of ScaNN, or why there is none."""
    table = Table(title=f"ScaNN 1.4.2 on the same: the best {COUNT}")
    for heading in ("items", "p50", "p99", f"recall@{COUNT} of the exact", "index in memory", "built in"):
        table.add_column(heading, justify="right")
    for items in sizes:
        figures = measure_scann(items, requests)
        if figures is None:
            return "ScaNN is left out: benchmarks/peers/setup.sh builds its environment"
        table.add_row(
            f"{items:,}", f"{figures['p50']:.1f} ms", f"{figures['p99']:.1f} ms", f"{figures['recall']:.3f}",
            f"{figures['megabytes']:,.0f} MB", f"{figures['seconds']:.0f} s",
        )  # fmt: skip
    return table


if __name__ == "__main__":
    raise SystemExit(main())
