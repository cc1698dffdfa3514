"""New versions under load: whether requests fail, or are answered by a version that was never pushed."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import numpy as np

from benchmarks.support.serving_load import NAME, predict_method, predict_request, serve_versions
from interestflow.serving.client.protocol_pb2 import PredictRequest
from interestflow.serving.client.rows import Row, pack_rank
from interestflow.serving.examples import split_row
from interestflow.serving.scorer import Scorer

SENDERS = 4


@dataclass
class Outcome:
    """Outcome of all requests.

    Attributes:
        pushed: Versions that were pushed.
        answered: Versions that answered.
        failures: Requests that failed.
        durations: Duration of each request, in seconds.
    """

    pushed: set[int] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)
    failures: list[Exception] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)


def check_swaps(model: str, rows: Sequence[Row], candidates: int, seconds: float, every: float) -> bool:
    """Push a new version every `every` seconds while requests are sent for `seconds`.

    Returns:
        Whether no request fails, each answer is of a pushed version, and more than one version answers.
    """
    scorer = Scorer(model)
    request_candidates = [split_row(row, scorer.inputs)[1] for row in rows[:candidates]]
    user = split_row(rows[0], scorer.inputs)[0]
    request = predict_request("rank", pack_rank(scorer.metadata, user, request_candidates))
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary) / NAME
        shutil.copytree(model, base / "1")
        outcome.pushed.add(1)
        with serve_versions(base) as address, ThreadPoolExecutor(SENDERS) as pool:
            end = time.monotonic() + seconds
            senders = [pool.submit(_send, address, request, outcome, end) for _ in range(SENDERS)]
            for version in itertools.count(2):
                time.sleep(every)
                if time.monotonic() >= end:
                    break
                shutil.copytree(model, base / f"coming-{version}")
                outcome.pushed.add(version)
                (base / f"coming-{version}").rename(base / str(version))
            for sender in senders:
                sender.result()
    p50, p99 = np.percentile(outcome.durations, [50, 99]) * 1e3
    print(
        f"{len(outcome.pushed) - 1} new versions in {seconds:.0f} s, {len(outcome.answered)} answered, "
        f"{len(outcome.durations):,} requests (p50 {p50:.2f} ms, p99 {p99:.2f} ms): "
        f"{len(outcome.failures)} failed, bar: none"
    )
    for failure in outcome.failures[:3]:
        print(failure)
    return not outcome.failures and len(outcome.answered) > 1


def _send(address: str, request: PredictRequest, outcome: Outcome, end: float) -> None:
    """Send `request` until `end` and record what comes back."""
    with grpc.insecure_channel(address) as channel:
        predict = predict_method(channel)
        while time.monotonic() < end:
            began = time.perf_counter()
            try:
                version = predict(request, timeout=30).model_spec.version.value
            except grpc.RpcError as error:
                outcome.failures.append(error)
                continue
            outcome.durations.append(time.perf_counter() - began)
            outcome.answered.add(version)
            if version not in outcome.pushed:
                outcome.failures.append(ValueError(f"version {version} was never pushed"))
