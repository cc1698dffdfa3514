"""Warm-up requests that would keep a version from loading, or let a broken one pass, are rejected by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from interestflow.serving.deployment.config import DeploymentConfig
from interestflow.serving.deployment.errors import ModelFolderError
from interestflow.serving.deployment.model_folder import check_model_folder
from interestflow.serving.warm_up import WARM_UP, write_warm_up
from tests.serving.deployment.model_folders import BATCHING, ranker_requests, request

PLAIN = DeploymentConfig(num_versions=1)
BATCHED = BATCHING.model_copy(update={"num_versions": 1})


def refusal(models: Path, config: DeploymentConfig) -> str:
    with pytest.raises(ModelFolderError) as refused:
        check_model_folder(str(models), config)
    return str(refused.value)


def replace(models: Path, requests: list[predict_pb2.PredictRequest]) -> str:
    write_warm_up(models / "4", requests)
    return f"{models}/4/{WARM_UP}"


def write_logs(models: Path, *logs: prediction_log_pb2.PredictionLog) -> str:
    path = f"{models}/4/{WARM_UP}"
    with tf.io.TFRecordWriter(path) as writer:
        for log in logs:
            writer.write(log.SerializeToString())
    return path


def test_a_version_without_warm_up_requests(models: Path) -> None:
    (models / "4" / WARM_UP).unlink()
    assert refusal(models, PLAIN) == (
        f"{models}/4 should hold warm-up requests, received no file {WARM_UP}: without them, a version that cannot "
        "answer becomes available"
    )


def test_an_empty_file(models: Path) -> None:
    path = replace(models, [])
    assert refusal(models, PLAIN) == (
        f"{path} should use every signature of the model, received no request to 'predict'"
    )


@pytest.mark.parametrize("content", [b"no records at all", b"\x00" * 40], ids=["text", "zeros"])
def test_a_file_of_something_else(models: Path, content: bytes) -> None:
    (models / "4" / WARM_UP).write_bytes(content)
    assert refusal(models, PLAIN) == (
        f"{models}/4/{WARM_UP} should hold warm-up requests, received a file that cannot be parsed"
    )


def test_records_of_something_else(models: Path) -> None:
    with tf.io.TFRecordWriter(f"{models}/4/{WARM_UP}") as writer:
        writer.write(b"\xff\xff\xff")
    assert refusal(models, PLAIN) == (
        f"{models}/4/{WARM_UP} should hold warm-up requests, received a file that cannot be parsed"
    )


def test_a_signature_that_is_not_used(models: Path) -> None:
    path = replace(models, ranker_requests()[:2])
    assert refusal(models, PLAIN) == f"{path} should use every signature of the model, received no request to 'rank'"


def test_a_signature_that_is_not_there(models: Path) -> None:
    path = replace(models, [*ranker_requests(), request("nothing", item=np.array(["i1"], object))])
    assert refusal(models, PLAIN) == (f"{path}, request 5 should use a signature of the model, received 'nothing'")


def test_the_name_of_another_model_is_allowed(models: Path) -> None:
    requests = ranker_requests()
    for message in requests:
        message.model_spec.name = "another"
    replace(models, requests)
    assert check_model_folder(str(models), PLAIN) == [4]


def test_an_input_that_is_missing_or_unknown(models: Path) -> None:
    requests = ranker_requests()
    del requests[1].inputs["tags"]
    path = replace(models, requests)
    assert refusal(models, PLAIN) == (
        f"{path}, request 1 should have the inputs history_item, item, tags, received history_item, item"
    )
    requests[1].ClearField("inputs")
    replace(models, requests)
    assert refusal(models, PLAIN) == (
        f"{path}, request 1 should have the inputs history_item, item, tags, received none"
    )


def test_more_records_than_tensorflow_serving_reads(models: Path) -> None:
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.CopyFrom(ranker_requests()[0])
    path = write_logs(models, *[log] * 1001)
    assert refusal(models, PLAIN) == f"{path} should hold at most 1000 requests, received more"


def test_a_kind_of_record_that_is_not_for_warming_up(models: Path) -> None:
    log = prediction_log_pb2.PredictionLog()
    log.session_run_log.request.model_spec.name = "shop"
    path = write_logs(models, log)
    assert refusal(models, PLAIN) == (
        f"{path}, request 0 should be one of Predict, Classify, Regress or MultiInference, received session_run_log"
    )


def test_more_rows_than_a_batch_may_have(models: Path) -> None:
    path = replace(models, ranker_requests(rows=9))
    assert refusal(models, BATCHED) == (
        f"{path}, request 1 should have from 1 to `deployment.batching.max_batch_size`, 8, rows, received 9"
    )
    assert check_model_folder(str(models), PLAIN) == [4]
    replace(models, ranker_requests(rows=8))
    assert check_model_folder(str(models), BATCHED) == [4]


def test_no_rows_where_batching_would_wait_for_ever(models: Path) -> None:
    path = replace(models, ranker_requests(rows=0))
    assert refusal(models, BATCHED) == (
        f"{path}, request 1 should have from 1 to `deployment.batching.max_batch_size`, 8, rows, received 0"
    )


def test_inputs_of_unequal_rows(models: Path) -> None:
    requests = ranker_requests(rows=2)
    requests[1].inputs["item"].CopyFrom(tf.make_tensor_proto(["i1", "i2", "i3"]))
    path = replace(models, requests)
    assert refusal(models, BATCHED) == (
        f"{path}, request 1 should have as many rows in each input for `deployment.batching`, received 2 and 3"
    )


@pytest.mark.parametrize("kind", ["classify_log", "regress_log", "multi_inference_log"])
def test_rows_of_requests_with_examples(models: Path, kind: str) -> None:
    log = prediction_log_pb2.PredictionLog()
    message = getattr(log, kind).request
    spec = message.tasks.add().model_spec if kind == "multi_inference_log" else message.model_spec
    spec.name = "shop"
    for _ in range(9):
        message.input.example_list.examples.add()
    path = write_logs(models, log)
    assert refusal(models, BATCHED) == (
        f"{path}, request 0 should have from 1 to `deployment.batching.max_batch_size`, 8, rows, received 9"
    )
    # Enough for `serving_default`, so that the next signature is the one that is missing.
    assert refusal(models, PLAIN).endswith("received no request to 'predict'")
