"""Benchmark of serving over real sockets: latency, throughput, parity, batching and version swaps.

    python benchmarks/serving.py configs/demo.yaml --runs-folder RUNS

Serves the model that `interestflow run CONFIG` pushed, in a process of its own, on loopback.

1. Speed: one user with a full history and 100 candidates (`rank`), p50 and p99 at 1, 8 and 32 requests in flight, and
   of the same SavedModel in a session of this process. Bars: p50 of one request in flight at most 1.5 times the call
   in-process; throughput at 32 at least 0.8 of back-to-back calls in-process; `rank` at least 5 times the candidates
   per second of `serving_default` with the same candidates.
2. Parity: 10,000 raw rows of the test split, a fifth of them made empty, overlong, of unknown or non-ASCII ids, or with
   fields missing, through `predict` of the server and `serving_default` in-process. Bar: 1e-6.
3. Batching: 64 client threads on a server that batches, users with histories of any length, 1 to 1,000 candidates.
   Bars: no request fails, and all scores are those of single requests to a server without batching, within 1e-6.
4. Swaps: a new version every `--swap-every` seconds under load. Bars: no request fails, and no answer comes from a
   version that was never pushed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# As in `interestflow serve`, so that both sessions compute with the same kernels.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

import numpy as np

from benchmarks.support.serving_batches import PARITY, check_batching
from benchmarks.support.serving_load import (
    NAME,
    distort_rows,
    predict_request,
    read_rows,
    serve_versions,
    time_requests,
)
from benchmarks.support.serving_swaps import check_swaps
from benchmarks.support.timed_calls import Timing, measure_in_turns, time_calls
from interestflow.pipeline.config import load
from interestflow.pipeline.folders import Folders
from interestflow.pipeline.gates.champion import pushed_models
from interestflow.serving.client import Client
from interestflow.serving.client.rows import Row, pack_rank
from interestflow.serving.examples import build_example, split_row
from interestflow.serving.scorer import Scorer

CANDIDATES, PARITY_ROWS, PARITY_BATCH, USERS = 100, 10_000, 250, 20
CONCURRENCY = (1, 8, 32)
LATENCY_BAR, THROUGHPUT_BAR, RANK_BAR = 1.5, 0.8, 5.0


def check_speed(model: str, address: str, rows: Sequence[Row]) -> bool:
    """Print the latency and throughput of `rank`, and return whether they reach their bars."""
    scorer = Scorer(model)
    longest = sorted(rows, key=lambda row: -len(row.get("history_item", [])))[:USERS]
    candidates = [split_row(row, scorer.inputs)[1] for row in rows[:CANDIDATES]]
    users = [split_row(row, scorer.inputs)[0] for row in longest]
    print(f"history of {len(longest[0].get('history_item', []))}, {CANDIDATES} candidates a request")
    tensors = time_tensors(scorer, address, users, candidates)
    for name, (durations, rate) in tensors.items():
        p50, p99 = np.percentile(durations, [50, 99]) * 1e3
        print(f"{name:<28} p50 {p50:6.2f} ms  p99 {p99:6.2f} ms  {rate:8.1f} requests/s")
    from_rows = time_rows(scorer, address, users, candidates)
    for name, (durations, rate) in from_rows.items():
        p50 = np.median(durations) * 1e3
        print(f"from rows, gRPC, {name:<16} p50 {p50:6.2f} ms  {rate * CANDIDATES:10,.0f} candidates/s")
    in_process, in_process_rate = tensors["in-process rank"]
    latency = float(np.median(tensors[_grpc_name(1)][0]) / np.median(in_process))
    throughput = tensors[_grpc_name(32)][1] / in_process_rate
    ratio = from_rows["rank"][1] / from_rows["serving_default"][1]
    print(f"p50 alone over in-process           {latency:6.2f}x  bar: at most {LATENCY_BAR}x")
    print(f"throughput at 32 over back-to-back  {throughput:6.2f}x  bar: at least {THROUGHPUT_BAR}x")
    print(f"candidates/s of rank over default   {ratio:6.2f}x  bar: at least {RANK_BAR}x")
    return latency <= LATENCY_BAR and throughput >= THROUGHPUT_BAR and ratio >= RANK_BAR


def time_tensors(scorer: Scorer, address: str, users: Sequence[Row], candidates: Sequence[Row]) -> Mapping[str, Timing]:
    """Time `rank` over gRPC and in-process, and `serving_default` in-process, with inputs that are packed before."""
    inputs = [pack_rank(scorer.metadata, user, candidates) for user in users]
    requests = [predict_request("rank", arrays) for arrays in inputs]
    examples = _examples(scorer, users[0], candidates)
    turn = itertools.count()

    def rank() -> None:
        scorer.model.run("rank", inputs[next(turn) % len(inputs)])

    def score_examples() -> None:
        scorer.model.run("serving_default", {"examples": examples})

    def over_grpc(concurrency: int) -> Callable[[float], Timing]:
        return lambda seconds: time_requests(address, requests, concurrency, seconds)

    return measure_in_turns(
        {
            "in-process rank": lambda seconds: time_calls(rank, seconds),
            "in-process serving_default": lambda seconds: time_calls(score_examples, seconds),
            **{_grpc_name(concurrency): over_grpc(concurrency) for concurrency in CONCURRENCY},
        }
    )


def time_rows(scorer: Scorer, address: str, users: Sequence[Row], candidates: Sequence[Row]) -> Mapping[str, Timing]:
    """Time requests as an application sends them: packed from rows each time, over the socket."""
    turn = itertools.count()
    with Client(address, NAME, timeout=60) as client:

        def rank() -> None:
            client.rank(users[next(turn) % len(users)], candidates)

        def score_examples() -> None:
            examples = _examples(scorer, users[next(turn) % len(users)], candidates)
            client.run("serving_default", {"examples": examples})

        return measure_in_turns(
            {
                "rank": lambda seconds: time_calls(rank, seconds),
                "serving_default": lambda seconds: time_calls(score_examples, seconds),
            }
        )


def check_parity(model: str, address: str, rows: Sequence[Row]) -> bool:
    """Print the largest difference of a score over gRPC from the one in-process, and return whether it is small."""
    scorer = Scorer(model)
    rows, largest = distort_rows(rows), 0.0
    with Client(address, NAME, timeout=60) as client:
        for start in range(0, len(rows), PARITY_BATCH):
            part = rows[start : start + PARITY_BATCH]
            scores = client.score(part).by_task
            for task, expected in scorer.score(part).items():
                largest = max(largest, float(np.max(np.abs(scores[task] - expected))))
    print(f"largest difference over {len(rows):,} rows  {largest:.1e}  bar: {PARITY:.0e}")
    return largest <= PARITY


def _grpc_name(concurrency: int) -> str:
    return f"gRPC rank, {concurrency:>2} at a time"


def _examples(scorer: Scorer, user: Row, candidates: Sequence[Row]) -> np.ndarray:
    """Return one serialized example for each candidate of `user`."""
    examples = [build_example({**user, **candidate}, scorer.inputs).SerializeToString() for candidate in candidates]
    return np.array(examples, object)


def main() -> int:
    """Run all parts and return 0 if every bar is reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="Configuration of the pipeline that pushed the model.")
    parser.add_argument("--runs-folder", help="Folder of the pipeline's runs.")
    parser.add_argument("--swap-seconds", type=float, default=60.0, help="Duration of the swaps, in seconds.")
    parser.add_argument("--swap-every", type=float, default=10.0, help="Seconds between two new versions.")
    arguments = parser.parse_args()
    folders = Folders.local(load(arguments.config), arguments.runs_folder)
    models = pushed_models(folders.serving)
    if not models or models[0].folder is None:
        sys.exit(f"no model is in {folders.serving}; `interestflow run {arguments.config}` pushes one")
    model, base = models[0].folder, Path(folders.serving)
    examples = json.loads(Path(folders.report).read_text())["examples"]
    rows = read_rows(examples, Scorer(model), PARITY_ROWS)
    with serve_versions(base) as address:
        is_reached = check_speed(model, address, rows)
        is_reached &= check_parity(model, address, rows)
    is_reached &= check_batching(model, base, rows)
    is_reached &= check_swaps(model, rows, CANDIDATES, arguments.swap_seconds, arguments.swap_every)
    print("reached" if is_reached else "FALLS SHORT")
    return 0 if is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
