"""Whether a model can be served: loaded by a server, asked over gRPC, compared with what it says offline, and timed."""

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
from interestflow.pipeline.gates.retrieval import retrieval_milliseconds, retrieval_problems
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
"""Examples asked about at once."""
POLL_SECONDS = 0.25
SHARES = (50, 99)
"""Percentiles of the time that a request takes, in percent."""


class ServingVerdict(JsonArtifact):
    """`reasons` against serving the model, none where it is blessed.

    examples: asked about. largest_difference: of a probability over gRPC from the offline one.
    p50_milliseconds, p99_milliseconds: of `rank` with `candidates`, or of `retrieve` for as many items, one request at
    a time; None for models without. asked: which of both.
    """

    FILE = "serving.json"

    is_blessed: bool
    reasons: tuple[str, ...] = ()
    server: str = ""
    examples: int = 0
    largest_difference: float | None = None
    candidates: int = 0
    asked: str = "candidates ranked"
    p50_milliseconds: float | None = None
    p99_milliseconds: float | None = None
    megabytes: float = 0.0
    warm_up_requests: int = 0


def validate_serving(config: ServingGateConfig, model: str, test_files: Sequence[str], output: str) -> ServingVerdict:
    """Serve the model in `model` and ask it what an application would.

    The model is copied into `output` with warm-up requests beside it: what is pushed is what was served.

    Args:
        config: what is asked and what is allowed.
        model: folder of the exported model.
        test_files: TFRecord files of raw examples.
        output: a folder, made where it is not there; of the copy.

    Returns:
        The verdict; whatever the server does wrong is a reason in it, not an error.
    """
    copy_folder(model, output)
    figures: dict[str, Any] = {"megabytes": _bytes_of(output) / 2**20}
    reasons = list(_too_large(config, figures["megabytes"]))
    try:
        scorer = Scorer(output)
        expected = Expected.of(scorer, _examples(test_files, config.examples))
        requests = warm_up_requests(NAME, scorer.metadata, scorer.inputs, expected.rows)
        figures |= {"examples": len(expected.examples), "warm_up_requests": write_warm_up(output, requests)}
        with _served(config, output) as (client, server):
            difference = _largest_difference(client, expected)
            figures |= {"server": server, "largest_difference": difference}
            reasons += _too_different(config, difference)
            milliseconds: np.ndarray | None = None
            if "rank" in scorer.metadata.signatures:
                task = f"ranking {config.candidates} candidates"
                reasons += _rank_differs(client, expected, scorer.inputs, config.tolerance)
                milliseconds = _timed_rank(client, expected.rows, scorer.inputs, config)
            elif "retrieve" in scorer.metadata.signatures:
                task, figures["asked"] = f"retrieving {config.candidates} items", "items retrieved"
                reasons += retrieval_problems(client, scorer, expected.rows, config)
                milliseconds = retrieval_milliseconds(client, expected.rows, scorer.inputs, config)
            if milliseconds is not None:
                percentiles = {f"p{share}_milliseconds": float(np.percentile(milliseconds, share)) for share in SHARES}
                figures |= {"candidates": config.candidates, **percentiles}
                reasons += _too_slow(config, percentiles, task)
    except (ScoringError, ClientError) as error:
        reasons.append(str(error))
    except tf.errors.OpError as error:
        reasons.append(f"the model cannot score the test examples: {first_line(error)}")
    return ServingVerdict(is_blessed=not reasons, reasons=tuple(reasons), **figures)


@dataclass(frozen=True)
class Expected:
    """What the model answers in this process.

    Attributes:
        examples: serialized, of the test split.
        rows: the same as rows.
        outputs: floating-point outputs of `serving_default` for the examples, by name.
    """

    examples: Sequence[bytes]
    rows: Sequence[Row]
    outputs: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, scorer: Scorer, examples: Sequence[bytes]) -> Expected:
        outputs = scorer.model.run("serving_default", {"examples": np.array(examples, object)})
        return cls(
            examples,
            [read_row(example, scorer.inputs) for example in examples],
            {name: values for name, values in outputs.items() if values.dtype.kind == "f"},
        )


def _too_large(config: ServingGateConfig, megabytes: float) -> Iterator[str]:
    if config.max_model_mb is not None and megabytes > config.max_model_mb:
        yield f"the model should have at most {config.max_model_mb:g} MB, it has {megabytes:,.1f} MB"


def _too_different(config: ServingGateConfig, difference: float) -> Iterator[str]:
    # Not "more than": a difference that is no number is no agreement either.
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
    """The model on a server of its own, or on the one that the configuration names."""
    if config.address is not None:
        version = _place(config, folder)
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


def _place(config: ServingGateConfig, folder: str) -> int:
    """Put the model where the server that is named looks for versions, as the newest of them."""
    if config.base_path is None:
        raise ClientError("`serving.base_path` should be given with `serving.address`, received none")
    version = int(time.time())
    publish_version(folder, config.base_path.rstrip("/"), version)
    return version


def _wait_until_available(client: Client, version: int, seconds: float) -> None:
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


def _largest_difference(client: Client, expected: Expected) -> float:
    largest = 0.0
    for start in range(0, len(expected.examples), BATCH):
        part = np.array(expected.examples[start : start + BATCH], object)
        answers = client.run("serving_default", {"examples": part}).arrays
        for name, values in expected.outputs.items():
            offline = values[start : start + BATCH]
            # Of scores, which may be large, relative to their size; of a vector, to the largest of its numbers, since
            # it is only ever multiplied as a whole.
            size = np.abs(offline).max(axis=-1, keepdims=True) if offline.ndim > 1 else np.abs(offline)
            differences = np.abs(answers[name] - offline) / np.maximum(size, 1.0)
            largest = max(largest, float(np.max(differences, initial=0.0)))
            if np.isnan(differences).any():
                return float("nan")
    return largest


def _rank_differs(client: Client, expected: Expected, inputs: Sequence[RawInput], tolerance: float) -> Iterator[str]:
    """A reason where a candidate that is ranked does not score as its example does."""
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


def _timed_rank(
    client: Client, rows: Sequence[Row], inputs: Sequence[RawInput], config: ServingGateConfig
) -> np.ndarray:
    """Milliseconds of each request to rank candidates for one user."""
    users = [split_row(row, inputs)[0] for row in rows]
    candidates = [row for row in (split_row(row, inputs)[1] for row in rows) if row.get("item")]
    chosen = [candidates[number % len(candidates)] for number in range(config.candidates)]
    client.rank(users[0], chosen)
    taken = []
    for number in range(config.requests):
        began = time.perf_counter()
        client.rank(users[number % len(users)], chosen)
        taken.append((time.perf_counter() - began) * 1e3)
    return np.array(taken)


def _examples(files: Sequence[str], count: int) -> list[bytes]:
    """The first examples of every file in turn, so that many users are among them."""
    share = -(-count // max(1, len(files)))
    found: list[bytes] = []
    for file in files:
        compression = "GZIP" if file.endswith(".gz") else ""
        found += list(tf.data.TFRecordDataset(file, compression).take(share).as_numpy_iterator())
    return found[:count]


def _bytes_of(folder: str) -> int:
    return sum(
        tf.io.gfile.stat(f"{below.rstrip('/')}/{file}").length
        for below, _, files in tf.io.gfile.walk(folder)
        for file in files
    )
