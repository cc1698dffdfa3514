"""Gate on serving: the model is loaded by a server, queried over gRPC, compared with its offline scores and timed."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from interestflow.pipeline.artifacts.json_artifact import JsonArtifact
from interestflow.pipeline.evaluation.exported_model import examples_in
from interestflow.pipeline.gates.latency import request_latencies
from interestflow.pipeline.gates.retrieval import retrieval_latencies, retrieval_problems
from interestflow.serving.client import Client, ClientError
from interestflow.serving.client.rows import Row
from interestflow.serving.config import ServingGateConfig
from interestflow.serving.examples import read_row, split_row
from interestflow.serving.provenance import ScoringError
from interestflow.serving.publish import copy_folder, publish_version
from interestflow.serving.raw_inputs import RawInput
from interestflow.serving.scorer import Scorer
from interestflow.serving.server.configuration import ServerOptions, one_model
from interestflow.serving.server.server import Server
from interestflow.serving.session_model import first_line
from interestflow.serving.warm_up import warm_up_requests, write_warm_up

NAME = "candidate"
BATCH = 64
"""Examples in one request."""
POLL_SECONDS = 0.25
PERCENTILES = (50, 99)
"""Percentiles of the latency of a request."""


class ServingVerdict(JsonArtifact):
    """Verdict of the serving gate.

    Attributes:
        is_blessed: Whether the model may be served.
        reasons: Reasons against serving the model; empty where it is blessed.
        server: Server that served the model, in words.
        examples: Examples that were compared.
        largest_difference: Largest difference between a score over gRPC and the offline one.
        candidates: Candidates, or retrieved items, of a timed request.
        timed_results: What a timed request returns, in words: "candidates ranked" or "items retrieved".
        p50_milliseconds: Median latency of such a request, one at a time; None for models with neither signature.
        p99_milliseconds: 99th percentile of the latency.
        megabytes: Size of the exported model, in MB of 2^20 bytes.
        warm_up_requests: Number of warm-up requests written beside the model.
    """

    FILE = "serving.json"

    is_blessed: bool
    reasons: tuple[str, ...] = ()
    server: str = ""
    examples: int = 0
    largest_difference: float | None = None
    candidates: int = 0
    timed_results: str = "candidates ranked"
    p50_milliseconds: float | None = None
    p99_milliseconds: float | None = None
    megabytes: float = 0.0
    warm_up_requests: int = 0


def validate_serving(config: ServingGateConfig, model: str, test_files: Sequence[str], output: str) -> ServingVerdict:
    """Serve the model in `model` and query it as an application would.

    The model is copied into `output` with warm-up requests next to it, so that exactly the served model is pushed.

    Args:
        config: What is requested and which limits apply.
        model: Folder of the exported model.
        test_files: TFRecord files of raw examples.
        output: Folder of the copy; created if it does not exist.

    Returns:
        The verdict; a failure of the server is a reason in it, not an error.
    """
    copy_folder(model, output)
    figures: dict[str, Any] = {"megabytes": _folder_size(output) / 2**20}
    reasons = list(_too_large(config, figures["megabytes"]))
    try:
        scorer = Scorer(output)
        expected = OfflineScores.compute(scorer, _examples(test_files, config.examples))
        requests = warm_up_requests(NAME, scorer.metadata, scorer.inputs, expected.rows)
        figures |= {"examples": len(expected.examples), "warm_up_requests": write_warm_up(output, requests)}
        with _served(config, output) as (client, server):
            difference = _largest_difference(client, expected)
            figures |= {"server": server, "largest_difference": difference}
            reasons += _too_different(config, difference)
            milliseconds: np.ndarray | None = None
            if "rank" in scorer.metadata.signatures:
                task = f"ranking {config.candidates} candidates"
                reasons += _rank_problems(client, expected, scorer.inputs, config.tolerance)
                milliseconds = _rank_latencies(client, expected.rows, scorer.inputs, config)
            elif "retrieve" in scorer.metadata.signatures:
                task, figures["timed_results"] = f"retrieving {config.candidates} items", "items retrieved"
                reasons += retrieval_problems(client, scorer, expected.rows, config)
                milliseconds = retrieval_latencies(client, expected.rows, scorer.inputs, config)
            if milliseconds is not None:
                percentiles = {
                    f"p{share}_milliseconds": float(np.percentile(milliseconds, share)) for share in PERCENTILES
                }
                figures |= {"candidates": config.candidates, **percentiles}
                reasons += _too_slow(config, percentiles, task)
    except (ScoringError, ClientError) as error:
        reasons.append(str(error))
    except tf.errors.OpError as error:
        reasons.append(f"the model cannot score the test examples: {first_line(error)}")
    return ServingVerdict(is_blessed=not reasons, reasons=tuple(reasons), **figures)


@dataclass(frozen=True)
class OfflineScores:
    """Outputs of the model in this process.

    Attributes:
        examples: Serialized examples of the test split.
        rows: The same examples as rows.
        outputs: Floating-point outputs of `serving_default` for the examples, by name.
    """

    examples: Sequence[bytes]
    rows: Sequence[Row]
    outputs: Mapping[str, np.ndarray]

    @classmethod
    def compute(cls, scorer: Scorer, examples: Sequence[bytes]) -> OfflineScores:
        """Return the outputs of `scorer` for `examples`."""
        outputs = scorer.model.run("serving_default", {"examples": np.array(examples, object)})
        return cls(
            examples,
            [read_row(example, scorer.inputs) for example in examples],
            {name: values for name, values in outputs.items() if values.dtype.kind == "f"},
        )


def _too_large(config: ServingGateConfig, megabytes: float) -> Iterator[str]:
    """Yield a reason if the model exceeds its largest size."""
    if config.max_model_mb is not None and megabytes > config.max_model_mb:
        yield f"the model should have at most {config.max_model_mb:g} MB, it has {megabytes:,.1f} MB"


def _too_different(config: ServingGateConfig, difference: float) -> Iterator[str]:
    """Yield a reason if scores over gRPC differ from the offline ones."""
    # `not <=` rather than `>`, because NaN must not count as agreement.
    if not difference <= config.tolerance:
        yield (
            f"answers over gRPC should be within {config.tolerance:g} of the offline ones, "
            f"the largest difference is {difference:.3g}"
        )


def _too_slow(config: ServingGateConfig, percentiles: Mapping[str, float], task: str) -> Iterator[str]:
    limits = {"p50_milliseconds": config.max_p50_ms, "p99_milliseconds": config.max_p99_ms}
    for name, milliseconds in percentiles.items():
        limit = limits[name]
        if limit is not None and milliseconds > limit:
            yield f"{name[:3]} of {task} should be at most {limit:g} ms, it is {milliseconds:.2f} ms"


@contextlib.contextmanager
def _served(config: ServingGateConfig, folder: str) -> Iterator[tuple[Client, str]]:
    """Serve the model on a server of its own, or on the one that the configuration names, and yield a client."""
    if config.address is not None:
        version = _publish(config, folder)
        with Client(config.address, config.model, version=version, timeout=config.timeout_seconds) as client:
            _wait_until_available(client, version, config.timeout_seconds)
            yield client, config.address
        return
    with tempfile.TemporaryDirectory() as temporary:
        copy_folder(folder, f"{temporary}/{NAME}/1")
        options = ServerOptions(one_model(NAME, f"{temporary}/{NAME}"), poll_seconds=0, drain_seconds=5)
        with Server(options) as server:
            address = f"127.0.0.1:{server.port}"
            statuses = server.manager.statuses(NAME)
            if statuses[0].error:
                raise ClientError(f"the server cannot load the model: {statuses[0].error}")
            with Client(address, NAME, timeout=config.timeout_seconds) as client:
                yield client, "this project's own server"


def _publish(config: ServingGateConfig, folder: str) -> int:
    """Copy the model to where the named server looks for versions, as the newest version, and return that version."""
    if config.base_path is None:
        raise ClientError("`serving.base_path` should be given with `serving.address`, received none")
    version = int(time.time())
    publish_version(folder, config.base_path.rstrip("/"), version)
    return version


def _wait_until_available(client: Client, version: int, seconds: float) -> None:
    """Wait until the server serves `version`, for at most `seconds`."""
    end = time.monotonic() + seconds
    problem = "it does not know the version yet"
    while time.monotonic() < end:
        try:
            state = client.status(timeout=5.0).get(version)
            if state == "AVAILABLE":
                return
            problem = f"its state is {state}"
        except ClientError as error:
            problem = str(error)
        time.sleep(POLL_SECONDS)
    raise ClientError(f"the server should serve version {version} within {seconds:g} s; {problem}")


def _largest_difference(client: Client, expected: OfflineScores) -> float:
    """Return the largest relative difference of an output over gRPC from the offline one; NaN if any is NaN."""
    largest = 0.0
    for start in range(0, len(expected.examples), BATCH):
        part = np.array(expected.examples[start : start + BATCH], object)
        answers = client.run("serving_default", {"examples": part}).arrays
        for name, values in expected.outputs.items():
            offline = values[start : start + BATCH]
            # Scores may be large, so differences are relative to their size. A vector is only ever multiplied as a
            # whole, so the differences of its components are relative to the largest of them.
            size = np.abs(offline).max(axis=-1, keepdims=True) if offline.ndim > 1 else np.abs(offline)
            differences = np.abs(answers[name] - offline) / np.maximum(size, 1.0)
            largest = max(largest, float(np.max(differences, initial=0.0)))
            if np.isnan(differences).any():
                return float("nan")
    return largest


def _rank_problems(
    client: Client, expected: OfflineScores, inputs: Sequence[RawInput], tolerance: float
) -> Iterator[str]:
    """Yield a reason if `rank` scores a candidate differently from `serving_default`."""
    count = len(expected.rows)
    for position in range(0, count, max(1, count // 20)):
        user, candidate = split_row(expected.rows[position], inputs)
        if not candidate.get("item"):
            continue
        for task, scores in client.rank(user, [candidate]).by_task.items():
            difference = abs(float(scores[0]) - float(expected.outputs[task][position]))
            if not difference <= tolerance:
                yield (
                    f"`rank` should score example {position} as serving_default does, within {tolerance:g}; "
                    f"{task} differs by {difference:.3g}"
                )
                return


def _rank_latencies(
    client: Client, rows: Sequence[Row], inputs: Sequence[RawInput], config: ServingGateConfig
) -> np.ndarray:
    """Return the latency of each request to rank candidates for one user, in ms."""
    users = [split_row(row, inputs)[0] for row in rows]
    candidates = [row for row in (split_row(row, inputs)[1] for row in rows) if row.get("item")]
    request_candidates = [candidates[index % len(candidates)] for index in range(config.candidates)]
    return request_latencies(lambda user: client.rank(user, request_candidates), users, config.requests)


def _examples(files: Sequence[str], count: int) -> list[bytes]:
    """Return `count` serialized examples, the first of every file, so that they have many users."""
    share = -(-count // max(1, len(files)))
    examples: list[bytes] = []
    for file in files:
        examples += examples_in([file]).take(share).as_numpy_iterator()
    return examples[:count]


def _folder_size(folder: str) -> int:
    """Return the size of all files below `folder`, in bytes."""
    return sum(
        tf.io.gfile.stat(f"{parent.rstrip('/')}/{file}").length
        for parent, _, files in tf.io.gfile.walk(folder)
        for file in files
    )
