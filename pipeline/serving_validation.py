"""Whether a model can be served: loaded by a server, asked over gRPC, compared with what it says offline, and timed."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from pipeline.retrieval_validation import retrieval_milliseconds, retrieval_problems
from pipeline.stored import Stored
from serving.client import Client
from serving.client.messages import ClientError, Metadata, model_spec, rank_request, retrieve_request, score_request
from serving.config import ServingGateConfig
from serving.load import ScoringError, read_provenance
from serving.raw_inputs import RawInput
from serving.raw_rows import Row, parted, row_of
from serving.server.configuration import ServerOptions, one_model
from serving.server.server import Server
from serving.warm_up import write_warm_up

NAME = "candidate"
WARM_UP_CANDIDATES = (1, 100)
WARM_UP_ROWS = (1, 32)
BATCH = 64
"""Examples asked about at once."""
POLL_SECONDS = 0.25


class ServingVerdict(Stored):
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
    """Serves the model in `model` and asks it what an application would.

    The model is copied into `output` with warm-up requests beside it: what is pushed is what was served.

    Args:
        config: what is asked and what is allowed.
        model: folder of the exported model.
        test_files: TFRecord files of raw examples.
        output: a folder, made where it is not there; of the copy.

    Returns:
        The verdict; whatever the server does wrong is a reason in it, not an error.
    """
    _copy(model, output)
    megabytes = _bytes_of(output) / 2**20
    reasons: list[str] = []
    if config.megabytes is not None and megabytes > config.megabytes:
        reasons.append(f"the model should have at most {config.megabytes:g} MB, it has {megabytes:,.1f} MB")
    try:
        inputs = tuple(RawInput(**raw) for raw in read_provenance(output)["raw_inputs"])
    except ScoringError as error:
        return ServingVerdict(is_blessed=False, reasons=(str(error),), megabytes=megabytes)
    examples = _examples(test_files, config.examples)
    rows = [row_of(example, inputs) for example in examples]
    expected = _offline(output, examples)
    count = write_warm_up(output, _warm_up_requests(output, rows, inputs))
    found: dict[str, Any] = {"examples": len(examples), "megabytes": megabytes, "warm_up_requests": count}
    try:
        with _served(config, output) as (client, server):
            found["server"] = server
            difference = _largest_difference(client, examples, expected)
            found["largest_difference"] = difference
            # Not "more than": a difference that is no number is no agreement either.
            if not difference <= config.tolerance:
                reasons.append(
                    f"answers over gRPC should be within {config.tolerance:g} of the offline ones, "
                    f"the largest difference is {difference:.3g}"
                )
            signatures = client.metadata().signatures
            if "rank" in signatures or "retrieve" in signatures:
                if "rank" in signatures:
                    reasons += _rank_differs(client, rows, inputs, expected, config.tolerance)
                    milliseconds = _timed(client, rows, inputs, config)
                    task = f"ranking {config.candidates} candidates"
                else:
                    reasons += retrieval_problems(client, output, rows, inputs, config)
                    milliseconds = retrieval_milliseconds(client, rows, inputs, config)
                    task, found["asked"] = f"retrieving {config.candidates} items", "items retrieved"
                found["candidates"] = config.candidates
                for name, share in (("p50_milliseconds", 50), ("p99_milliseconds", 99)):
                    found[name] = float(np.percentile(milliseconds, share))
                    limit = getattr(config, name)
                    if limit is not None and found[name] > limit:
                        reasons.append(
                            f"{name[:3]} of {task} should be at most {limit:g} ms, it is {found[name]:.2f} ms"
                        )
    except ClientError as error:
        reasons.append(str(error))
    return ServingVerdict(is_blessed=not reasons, reasons=tuple(reasons), **found)


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
        _copy(folder, f"{temporary}/{NAME}/1")
        options = ServerOptions(one_model(NAME, f"{temporary}/{NAME}"), poll_seconds=0, drain_seconds=5)
        with Server(options) as server:
            address = f"127.0.0.1:{server.port}"
            statuses = server.manager.statuses(NAME)
            if statuses[0].error:
                raise ClientError(f"the server cannot load the model: {statuses[0].error}")
            with Client(address, NAME, timeout=config.timeout_seconds) as client:
                yield client, "this project's own server"


def _place(config: ServingGateConfig, folder: str) -> int:
    """Copies the model to where the server that is named looks for versions, as the newest of them."""
    if config.base_path is None:
        raise ClientError("`serving.base_path` should be given with `serving.address`, received none")
    base = config.base_path.rstrip("/")
    version = int(time.time())
    _copy(folder, f"{base}/{version}")
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


def _largest_difference(client: Client, examples: Sequence[bytes], expected: dict[str, np.ndarray]) -> float:
    largest = 0.0
    for start in range(0, len(examples), BATCH):
        part = list(examples[start : start + BATCH])
        request = predict_pb2.PredictRequest(model_spec=client.spec("serving_default"))
        request.inputs["examples"].CopyFrom(tf.make_tensor_proto(part, tf.string, shape=[len(part)]))
        response = client.predict(request)
        for name, values in expected.items():
            answer = tf.make_ndarray(response.outputs[name])
            offline = values[start : start + BATCH]
            # Of scores, which may be large, relative to their size; of a vector, to the largest of its numbers, since
            # it is only ever multiplied as a whole.
            size = np.abs(offline).max(axis=-1, keepdims=True) if offline.ndim > 1 else np.abs(offline)
            differences = np.abs(answer - offline) / np.maximum(size, 1.0)
            largest = max(largest, float(np.max(differences, initial=0.0)))
            if np.isnan(differences).any():
                return float("nan")
    return largest


def _rank_differs(
    client: Client, rows: Sequence[Row], inputs: Sequence[RawInput], expected: dict[str, np.ndarray], tolerance: float
) -> Iterator[str]:
    """A reason where a candidate that is ranked does not score as its example does."""
    for place in range(0, len(rows), max(1, len(rows) // 20)):
        user, candidate = parted(rows[place], inputs)
        if not candidate.get("item"):
            continue
        for task, scores in client.rank(user, [candidate]).by_task.items():
            difference = abs(float(scores[0]) - float(expected[task][place]))
            if not difference <= tolerance:
                yield (
                    f"`rank` should score example {place} as serving_default does, within {tolerance:g}; "
                    f"{task} differs by {difference:.3g}"
                )
                return


def _timed(client: Client, rows: Sequence[Row], inputs: Sequence[RawInput], config: ServingGateConfig) -> np.ndarray:
    """Milliseconds of each request to rank candidates for one user."""
    users = [parted(row, inputs)[0] for row in rows]
    candidates = [row for row in (parted(row, inputs)[1] for row in rows) if row.get("item")]
    chosen = [candidates[number % len(candidates)] for number in range(config.candidates)]
    client.rank(users[0], chosen)
    taken = []
    for number in range(config.requests):
        began = time.perf_counter()
        client.rank(users[number % len(users)], chosen)
        taken.append((time.perf_counter() - began) * 1e3)
    return np.array(taken)


def _offline(folder: str, examples: Sequence[bytes]) -> dict[str, np.ndarray]:
    """What the model gives in this process, without a server, for the outputs that are numbers."""
    signature = tf.saved_model.load(folder).signatures["serving_default"]
    outputs = signature(examples=tf.constant(list(examples), tf.string, shape=[len(examples)]))
    return {name: value.numpy() for name, value in outputs.items() if value.dtype.is_floating}


def _warm_up_requests(folder: str, rows: Sequence[Row], inputs: Sequence[RawInput]) -> list[predict_pb2.PredictRequest]:
    """Requests of the shapes that an application will ask with."""
    model = tf.saved_model.load(folder)
    known = Metadata.of_model(model)
    requests = [
        score_request(model_spec(NAME, "predict", None, None), known, [*rows][:count])
        for count in WARM_UP_ROWS
        if "predict" in known.signatures
    ]
    if "rank" in known.signatures:
        candidates = [row for row in (parted(row, inputs)[1] for row in rows) if row.get("item")]
        user = parted(rows[0], inputs)[0]
        for count in WARM_UP_CANDIDATES:
            chosen = [candidates[number % len(candidates)] for number in range(count)]
            requests.append(rank_request(model_spec(NAME, "rank", None, None), known, user, chosen))
    if "retrieve" in known.signatures:
        user = parted(rows[0], inputs)[0]
        spec = model_spec(NAME, "retrieve", None, None)
        requests += [retrieve_request(spec, known, user, count) for count in WARM_UP_CANDIDATES]
    return requests


def _examples(files: Sequence[str], count: int) -> list[bytes]:
    """The first examples of every file in turn, so that many users are among them."""
    share = -(-count // max(1, len(files)))
    found: list[bytes] = []
    for file in files:
        compression = "GZIP" if file.endswith(".gz") else ""
        found += list(tf.data.TFRecordDataset(file, compression).take(share).as_numpy_iterator())
    return found[:count]


def _copy(source: str, target: str) -> None:
    for folder, _, files in tf.io.gfile.walk(source):
        below = folder[len(source) :].strip("/")
        to = f"{target}/{below}".rstrip("/")
        tf.io.gfile.makedirs(to)
        for file in files:
            tf.io.gfile.copy(f"{folder.rstrip('/')}/{file}", f"{to}/{file}", overwrite=True)


def _bytes_of(folder: str) -> int:
    return sum(
        tf.io.gfile.stat(f"{below.rstrip('/')}/{file}").length
        for below, _, files in tf.io.gfile.walk(folder)
        for file in files
    )
