"""Warm-up files are replayed as TensorFlow Serving does: some errors keep a version from being served."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from interestflow.serving.server.configuration import Batching, one_model
from interestflow.serving.server.model_state import State
from interestflow.serving.warm_up import MAX_REQUESTS, WARM_UP
from tests.serving.server import small_models
from tests.serving.server.small_models import Server, Stubs, options, request

INVALID = grpc.StatusCode.INVALID_ARGUMENT
Log = prediction_log_pb2.PredictionLog


@pytest.fixture
def scaled(tmp_path: Path) -> Path:
    """Return version 1 of a model, without a warm-up file."""
    return small_models.write_scaled(tmp_path / "scaled", 1)


def log_of(message: Any) -> Any:
    return Log(predict_log=prediction_log_pb2.PredictLog(request=message))


def write(folder: Path, logs: Iterable[Any]) -> None:
    path = folder / WARM_UP
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log if isinstance(log, bytes) else log.SerializeToString())


def outcome(base: Path, batching: Batching | None = None) -> tuple[int, grpc.StatusCode, str]:
    """Return state, code and message of version 1 once the server has started."""
    with Server(options(base, batching=batching)) as server:
        (version,) = server.manager.statuses("scaled", 1)
        return version.state, version.code, version.error


def test_requests_of_every_kind_are_answered(tmp_path: Path) -> None:
    small_models.write_labelled(tmp_path / "labelled")
    classify, regress, both = Log(), Log(), Log()
    classify.classify_log.request.model_spec.name = "somebody else"
    regress.regress_log.request.model_spec.signature_name = "value"
    for key, method in (("serving_default", "classify"), ("value", "regress")):
        task = both.multi_inference_log.request.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name, task.model_spec.signature_name = "somebody else", key
    for log in (classify.classify_log, regress.regress_log, both.multi_inference_log):
        example = log.request.input.example_list.examples.add()
        example.features.feature["x"].float_list.value.append(0.5)
    write(tmp_path / "labelled" / "1", [classify, regress, both, Log()])
    models = one_model("labelled", str(tmp_path / "labelled"))
    with Server(options(tmp_path, models=models)) as server:
        assert server.manager.available() == {"labelled": [1]}
    regress.regress_log.request.model_spec.signature_name = "nothing"
    write(tmp_path / "labelled" / "1", [classify, regress])
    with Server(options(tmp_path, models=models)) as server:
        (version,) = server.manager.statuses("labelled", 1)
        assert version.state == State.END
        assert version.error.startswith("warm-up request 1 cannot be answered: ")


def test_an_empty_file_and_one_of_another_kind_are_tolerated(scaled: Path) -> None:
    (scaled / "assets.extra").mkdir()
    for content in (b"", b"no TFRecord file at all, but some text"):
        (scaled / WARM_UP).write_bytes(content)
        assert outcome(scaled.parent)[0] == State.AVAILABLE


def test_a_request_for_another_model_is_answered_by_this_one(scaled: Path) -> None:
    wrong_request = request(name="somebody else", version=99, x=np.float32([1.0]))
    write(scaled, [log_of(wrong_request)])
    assert outcome(scaled.parent)[0] == State.AVAILABLE
    write(scaled, [log_of(request(name="", label="nobody", x=np.float32([1.0])))])
    assert outcome(scaled.parent)[0] == State.AVAILABLE


@pytest.mark.parametrize(
    ("logs", "code"),
    [
        (lambda: [log_of(request(signature="nothing", x=np.float32([1.0])))], grpc.StatusCode.FAILED_PRECONDITION),
        (lambda: [log_of(request(signature="fails", x=np.float32([-1.0])))], INVALID),
        (lambda: [log_of(request(x=np.float32([1.0])))] * (MAX_REQUESTS + 1), INVALID),
        (lambda: [b"\xff\xff\xff"], INVALID),
        (lambda: [Log(session_run_log=prediction_log_pb2.SessionRunLog())], grpc.StatusCode.UNIMPLEMENTED),
    ],
    ids=["signature", "assertion", "1001", "record", "session run"],
)
def test_what_cannot_be_answered_keeps_the_version_from_being_served(
    scaled: Path, logs: Callable[[], list[Any]], code: grpc.StatusCode
) -> None:
    write(scaled, logs())
    state, status, message = outcome(scaled.parent)
    assert (state, status) == (State.END, code)
    assert message.startswith("warm-up request 0 ") or message.startswith("the warm-up file should ")


def test_as_many_requests_as_are_allowed_are_answered(scaled: Path) -> None:
    write(scaled, [log_of(request(x=np.float32([1.0])))] * MAX_REQUESTS)
    assert outcome(scaled.parent)[0] == State.AVAILABLE


def test_with_batching_a_request_larger_than_a_batch_keeps_the_version_from_being_served(scaled: Path) -> None:
    write(scaled, [log_of(request(x=np.float32([1.0] * 5)))])
    assert outcome(scaled.parent, Batching(max_batch_size=5))[0] == State.AVAILABLE
    state, code, _ = outcome(scaled.parent, Batching(max_batch_size=4))
    assert (state, code) == (State.END, INVALID)
    assert outcome(scaled.parent)[0] == State.AVAILABLE


def test_a_version_that_cannot_answer_its_warm_up_does_not_take_over(scaled: Path) -> None:
    coming = small_models.write_scaled(scaled.parent.parent, 2)
    write(coming, [log_of(request(y=np.float32([1.0])))])
    coming.rename(scaled.parent / "2")
    with Server(options(scaled.parent)) as server, Stubs(server.port) as stubs:
        assert {status.number: status.state for status in server.manager.statuses("scaled")} == {
            1: State.AVAILABLE, 2: State.END,
        }  # fmt: skip
        assert stubs.scaled([1.0]) == [1.0]
