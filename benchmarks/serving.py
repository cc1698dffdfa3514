"""Serving: latency and throughput over real sockets beside the same session in-process, parity, batches, and swaps.

    python benchmarks/serving.py configs/demo.yaml --runs-folder RUNS

Serves the model that `interestflow run CONFIG` pushed, in a process of its own, on loopback.

1. One user with a full history and 100 candidates (`rank`): p50 and p99 at 1, 8 and 32 requests at a time, beside the
   same SavedModel in a session of this process. Bars: p50 alone at most 1.5 times the call in-process; throughput at 32
   at least 0.8 of what back-to-back calls reach; `rank` at least 5 times the candidates a second of `serving_default`
   that is given the same candidates.
2. Parity: 10,000 raw rows of the test split, a fifth of them made empty, overlong, of unknown or non-ASCII ids, or with
   fields missing, through `predict` of the server and `serving_default` in-process. Bar: 1e-6.
3. Batches: 64 client threads on a server that batches, users with histories of any length, 1 to 1,000 candidates.
   Bars: no request fails, and all scores are those of single requests to a server without batching, within 1e-6.
4. Swaps: a new version every `--swap-every` seconds under load. Bars: no request fails, and no answer comes from a
   version that was not there.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# As `interestflow serve` has it: both sessions compute with the same kernels.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import grpc
import numpy as np
import tensorflow as tf

from interestflow.pipeline.config import load
from interestflow.pipeline.evaluation.common import files_of_test_split
from interestflow.pipeline.folders import Folders
from interestflow.pipeline.gates.champion import pushed_models
from interestflow.serving.client import Client, ClientError
from interestflow.serving.client.arrays import fill_inputs
from interestflow.serving.client.protocol_pb2 import PredictRequest, PredictResponse
from interestflow.serving.client.rows import Row, pack_rank
from interestflow.serving.examples import build_example, read_row, split_row
from interestflow.serving.scorer import Scorer

NAME, CANDIDATES, PARITY_ROWS = "bench", 100, 10_000
THREADS, MIXED_REQUESTS, LARGEST = 64, 1280, 1000
BATCHING = "max_batch_size { value: 128 }\nbatch_timeout_micros { value: 1000 }\nnum_batch_threads { value: 2 }\n"
PREDICT = "/tensorflow.serving.PredictionService/Predict"
LATENCY, THROUGHPUT, RANK, PARITY = 1.5, 0.8, 5.0, 1e-6
SECONDS, TURNS = 5.0, 10
"""That each figure is taken over; in turns with what it is compared with, since a machine's speed drifts."""


@contextmanager
def served(base: Path, *options: str) -> Iterator[str]:
    """The address of a server process of the versions below `base`."""
    program = [str(Path(sys.executable).with_name("interestflow")), "serve", str(base), "--name", NAME]
    program += ["--port", "0", "--no-rest", *options]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = ""
    for line in process.stdout:
        if line.startswith("gRPC on "):
            address = line.split()[2]
        if line.startswith(f"{NAME}: "):
            break
    threading.Thread(target=process.stdout.read, daemon=True).start()
    try:
        yield address
    finally:
        process.terminate()
        process.wait(60)


def rows_of(examples: str, scorer: Scorer, count: int) -> list[Row]:
    found: list[Row] = []
    for file in itertools.cycle(files_of_test_split(examples)):
        for record in tf.data.TFRecordDataset(file, "GZIP").as_numpy_iterator():
            found.append(read_row(record, scorer.inputs))
            if len(found) == count:
                return found
    return found


Timed = tuple[np.ndarray, float]
"""Seconds of each call, and calls a second."""


def back_to_back(call: Any, seconds: float) -> Timed:
    for _ in range(5):
        call()
    taken = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return np.array(taken), 1.0 / float(np.mean(taken))


def in_turns(measures: Mapping[str, Callable[[float], Timed]]) -> dict[str, Timed]:
    """Each measure's calls of all turns, and the mean of its rates."""
    turns = [{name: measure(SECONDS / TURNS) for name, measure in measures.items()} for _ in range(TURNS)]
    return {
        name: (np.concatenate([turn[name][0] for turn in turns]), float(np.mean([turn[name][1] for turn in turns])))
        for name in measures
    }


def predict_of(channel: grpc.Channel) -> Callable[..., Any]:
    return channel.unary_unary(PREDICT, PredictRequest.SerializeToString, PredictResponse.FromString)


def request_of(signature: str, arrays: Mapping[str, np.ndarray]) -> PredictRequest:
    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = NAME, signature
    fill_inputs(request, arrays)
    return request


def at_a_time(address: str, requests: Sequence[PredictRequest], concurrency: int, seconds: float) -> Timed:
    """With so many requests under way."""
    with grpc.insecure_channel(address) as channel:
        predict = predict_of(channel)
        for request in requests[:5]:
            predict(request)
        taken: list[float] = []
        end = time.perf_counter() + seconds

        def ask(start: int) -> None:
            for number in itertools.count(start):
                began = time.perf_counter()
                if began >= end:
                    return
                predict(requests[number % len(requests)])
                taken.append(time.perf_counter() - began)

        began = time.perf_counter()
        with ThreadPoolExecutor(concurrency) as pool:
            list(pool.map(ask, range(concurrency)))
        return np.array(taken), len(taken) / (time.perf_counter() - began)


def speed(model: str, address: str, rows: list[Row]) -> bool:
    scorer = Scorer(model)
    longest = sorted(rows, key=lambda row: -len(row.get("history_item", [])))[:20]
    chosen = [split_row(row, scorer.inputs)[1] for row in rows[:CANDIDATES]]
    users = [split_row(row, scorer.inputs)[0] for row in longest]
    tensors = [pack_rank(scorer.metadata, user, chosen) for user in users]
    requests = [request_of("rank", arrays) for arrays in tensors]
    turn = itertools.count()

    def in_process() -> None:
        scorer.model.run("rank", tensors[next(turn) % len(tensors)])

    def examples_of(user: Row) -> np.ndarray:
        parts = [build_example({**user, **candidate}, scorer.inputs).SerializeToString() for candidate in chosen]
        return np.array(parts, object)

    examples = examples_of(users[0])

    def by_example() -> None:
        scorer.model.run("serving_default", {"examples": examples})

    found = in_turns(
        {
            "in-process rank": lambda seconds: back_to_back(in_process, seconds),
            "in-process serving_default": lambda seconds: back_to_back(by_example, seconds),
            **{
                f"gRPC rank, {concurrency:>2} at a time": lambda seconds, concurrency=concurrency: at_a_time(
                    address, requests, concurrency, seconds
                )
                for concurrency in (1, 8, 32)
            },
        }
    )
    print(f"history of {len(longest[0].get('history_item', []))}, {CANDIDATES} candidates a request")
    for name, (taken, rate) in found.items():
        p50, p99 = np.percentile(taken, [50, 99]) * 1e3
        print(f"{name:<28} p50 {p50:6.2f} ms  p99 {p99:6.2f} ms  {rate:8.1f} requests/s")
    # As an application asks: from rows, over the socket.
    with Client(address, NAME, timeout=60) as client:

        def ask_by_example() -> None:
            client.run("serving_default", {"examples": examples_of(users[next(turn) % len(users)])})

        asked = in_turns(
            {
                "rank": lambda seconds: back_to_back(
                    lambda: client.rank(users[next(turn) % len(users)], chosen), seconds
                ),
                "serving_default": lambda seconds: back_to_back(ask_by_example, seconds),
            }
        )
    for name, (taken, rate) in asked.items():
        print(
            f"from rows, gRPC, {name:<16} p50 {np.median(taken) * 1e3:6.2f} ms  {rate * CANDIDATES:10,.0f} candidates/s"
        )
    alone, alone_rate = found["in-process rank"]
    latency = float(np.median(found["gRPC rank,  1 at a time"][0]) / np.median(alone))
    throughput = found["gRPC rank, 32 at a time"][1] / alone_rate
    faster = asked["rank"][1] / asked["serving_default"][1]
    print(f"p50 alone over in-process           {latency:6.2f}x  bar: at most {LATENCY}x")
    print(f"throughput at 32 over back-to-back  {throughput:6.2f}x  bar: at least {THROUGHPUT}x")
    print(f"candidates/s of rank over default   {faster:6.2f}x  bar: at least {RANK}x")
    return latency <= LATENCY and throughput >= THROUGHPUT and faster >= RANK


def twisted(rows: list[Row]) -> list[Row]:
    """Every fifth row made into what logs do not have but requests do."""
    lists = sorted({name for row in rows for name in row if name.startswith("history_")})

    def overlong(row: Row) -> Row:
        steps = len(row.get("history_item", []))
        return row | {name: (list(row.get(name, [])) * 80)[:80] for name in lists} if steps else row

    twists = [
        lambda row: {},
        overlong,
        lambda row: row | {"item": "never seen"},
        lambda row: row | {"item": "ünbekannt 東京"},
        lambda row: {"item": row["item"]},
    ]
    return [twists[number // 5 % 5](row) if number % 5 == 0 else row for number, row in enumerate(rows)]


def parity(model: str, address: str, rows: list[Row]) -> bool:
    scorer = Scorer(model)
    rows, largest = twisted(rows), 0.0
    with Client(address, NAME, timeout=60) as client:
        for start in range(0, len(rows), 250):
            part = rows[start : start + 250]
            answered = client.score(part).by_task
            for task, expected in scorer.score(part).items():
                largest = max(largest, float(np.max(np.abs(answered[task] - expected))))
    print(f"largest difference over {len(rows):,} rows  {largest:.1e}  bar: {PARITY:.0e}")
    return largest <= PARITY


def batches(model: str, base: Path, rows: list[Row]) -> bool:
    """Rankings of many sizes at once on a server that batches, beside the same ones alone on one that does not."""
    inputs = Scorer(model).inputs
    random = np.random.default_rng(7)
    parts = [split_row(row, inputs) for row in rows[: 4 * LARGEST]]
    asked = []
    for _ in range(MIXED_REQUESTS):
        user, _ = parts[random.integers(len(parts))]
        # Few are large, as in an application; each power of two is as likely as the next.
        count = int(2 ** random.uniform(0.0, np.log2(LARGEST)))
        asked.append((user, [parts[place][1] for place in random.integers(len(parts), size=count)]))
    with served(base) as address, Client(address, NAME, timeout=60) as client:
        alone = [client.rank(*each).by_task for each in asked]
    failures: list[ClientError] = []
    differences: list[float] = []

    def ask(client: Client, number: int) -> None:
        try:
            answered = client.rank(*asked[number]).by_task
        except ClientError as error:
            failures.append(error)
            return
        differences.extend(float(np.abs(answered[task] - alone[number][task]).max()) for task in answered)

    with tempfile.TemporaryDirectory() as temporary:
        parameters = Path(temporary) / "batching_parameters.txt"
        parameters.write_text(BATCHING)
        options = ("--batching-parameters", str(parameters), "--grpc-max-threads", str(2 * THREADS))
        with served(base, *options) as address, Client(address, NAME, timeout=60) as client:
            began = time.perf_counter()
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(lambda number: ask(client, number), range(len(asked))))
            seconds = time.perf_counter() - began
    largest = max(differences, default=float("inf"))
    print(
        f"{len(asked):,} rankings of 1 to {LARGEST:,} candidates, {THREADS} client threads, batching on, "
        f"{len(asked) / seconds:.0f} a second: {len(failures)} failed, bar: none; "
        f"largest difference from single requests {largest:.1e}, bar: {PARITY:.0e}"
    )
    for failure in failures[:3]:
        print(failure)
    return not failures and largest <= PARITY


def swaps(model: str, rows: list[Row], seconds: float, every: float) -> bool:
    scorer = Scorer(model)
    chosen = [split_row(row, scorer.inputs)[1] for row in rows[:CANDIDATES]]
    request = request_of("rank", pack_rank(scorer.metadata, split_row(rows[0], scorer.inputs)[0], chosen))
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary) / NAME
        shutil.copytree(model, base / "1")
        pushed, failures, taken = {1}, [], []
        seen: set[int] = set()
        with served(base) as address, grpc.insecure_channel(address) as channel:
            predict = predict_of(channel)
            end = time.monotonic() + seconds

            def ask(_: int) -> None:
                while time.monotonic() < end:
                    began = time.perf_counter()
                    try:
                        version = predict(request, timeout=30).model_spec.version.value
                    except grpc.RpcError as error:
                        failures.append(error)
                        continue
                    taken.append(time.perf_counter() - began)
                    seen.add(version)
                    if version not in pushed:
                        failures.append(ValueError(f"version {version} was not there"))

            with ThreadPoolExecutor(4) as pool:
                asking = [pool.submit(ask, number) for number in range(4)]
                for version in itertools.count(2):
                    time.sleep(every)
                    if time.monotonic() >= end:
                        break
                    shutil.copytree(model, base / f"coming-{version}")
                    pushed.add(version)
                    (base / f"coming-{version}").rename(base / str(version))
                for each in asking:
                    each.result()
    p50, p99 = np.percentile(taken, [50, 99]) * 1e3
    print(
        f"{len(pushed) - 1} new versions in {seconds:.0f} s, {len(seen)} answered, {len(taken):,} requests "
        f"(p50 {p50:.2f} ms, p99 {p99:.2f} ms): {len(failures)} failed, bar: none"
    )
    for failure in failures[:3]:
        print(failure)
    return not failures and len(seen) > 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--runs-folder")
    parser.add_argument("--swap-seconds", type=float, default=60.0)
    parser.add_argument("--swap-every", type=float, default=10.0)
    arguments = parser.parse_args()
    folders = Folders.local(load(arguments.config), arguments.runs_folder)
    models = pushed_models(folders.serving)
    if not models or models[0].folder is None:
        sys.exit(f"no model is in {folders.serving}; `interestflow run {arguments.config}` pushes one")
    model = models[0].folder
    rows = rows_of(json.loads(Path(folders.report).read_text())["examples"], Scorer(model), PARITY_ROWS)
    with served(Path(folders.serving)) as address:
        reached = speed(model, address, rows)
        reached &= parity(model, address, rows)
    reached &= batches(model, Path(folders.serving), rows)
    reached &= swaps(model, rows, arguments.swap_seconds, arguments.swap_every)
    print("reached" if reached else "FALLS SHORT")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
