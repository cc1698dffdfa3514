"""Server process, requests and load for `benchmarks/serving.py`."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf

from benchmarks.support.timed_calls import WARM_UP_CALLS, Timing
from interestflow.pipeline.evaluation.common import files_of_test_split
from interestflow.serving.client.arrays import fill_inputs
from interestflow.serving.client.protocol_pb2 import PredictRequest, PredictResponse
from interestflow.serving.client.rows import Row
from interestflow.serving.examples import read_row
from interestflow.serving.scorer import Scorer

NAME = "bench"
"""Name of the served model."""
PREDICT = "/tensorflow.serving.PredictionService/Predict"
REPEATED_STEPS, LONG_HISTORY = 80, 80


@contextmanager
def serve_versions(base: Path, *options: str) -> Iterator[str]:
    """Serve the versions below `base` in a process of their own and yield its address."""
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


def read_rows(examples: str, scorer: Scorer, count: int) -> list[Row]:
    """Return `count` raw rows of the test split, repeated if it has fewer."""
    rows: list[Row] = []
    for file in itertools.cycle(files_of_test_split(examples)):
        for record in tf.data.TFRecordDataset(file, "GZIP").as_numpy_iterator():
            rows.append(read_row(record, scorer.inputs))
            if len(rows) == count:
                return rows
    return rows


def distort_rows(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with every fifth one turned into what requests may hold and logs do not.

    These are empty rows, histories that are too long, unknown and non-ASCII ids, and rows that lack most fields.
    """
    lists = sorted({name for row in rows for name in row if name.startswith("history_")})

    def lengthen(row: Row) -> Row:
        steps = len(row.get("history_item", []))
        if not steps:
            return row
        return {**row, **{name: (list(row.get(name, [])) * REPEATED_STEPS)[:LONG_HISTORY] for name in lists}}

    distortions: list[Callable[[Row], Row]] = [
        lambda row: {},
        lengthen,
        lambda row: {**row, "item": "never seen"},
        lambda row: {**row, "item": "ünbekannt 東京"},
        lambda row: {"item": row["item"]},
    ]
    return [distortions[index // 5 % 5](row) if index % 5 == 0 else row for index, row in enumerate(rows)]


def predict_method(channel: grpc.Channel) -> Callable[..., PredictResponse]:
    """Return the `Predict` method of the server behind `channel`."""
    method: Callable[..., PredictResponse] = channel.unary_unary(
        PREDICT, PredictRequest.SerializeToString, PredictResponse.FromString
    )
    return method


def predict_request(signature: str, arrays: Mapping[str, np.ndarray]) -> PredictRequest:
    """Return a request to `signature` with these inputs."""
    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = NAME, signature
    fill_inputs(request, arrays)
    return request


def time_requests(address: str, requests: Sequence[PredictRequest], concurrency: int, seconds: float) -> Timing:
    """Send requests for `seconds`, with `concurrency` of them in flight."""
    with grpc.insecure_channel(address) as channel:
        predict = predict_method(channel)
        for request in requests[:WARM_UP_CALLS]:
            predict(request)
        durations: list[float] = []
        end = time.perf_counter() + seconds

        def send(start: int) -> None:
            for index in itertools.count(start):
                began = time.perf_counter()
                if began >= end:
                    return
                predict(requests[index % len(requests)])
                durations.append(time.perf_counter() - began)

        began = time.perf_counter()
        with ThreadPoolExecutor(concurrency) as pool:
            list(pool.map(send, range(concurrency)))
        return np.array(durations), len(durations) / (time.perf_counter() - began)
