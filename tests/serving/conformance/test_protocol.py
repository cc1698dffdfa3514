"""Answers that any server of TensorFlow Serving's protocol gives; the wording of its messages is not compared."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tests.serving.server.small_models import request

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
X = np.float32([1.0, 2.0])


@pytest.fixture
def prediction(channel: grpc.Channel) -> Any:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture
def models(channel: grpc.Channel) -> Any:
    return model_service_pb2_grpc.ModelServiceStub(channel)


def code(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as raised:
        call()
    return raised.value.code()


def of_examples(kind: Any, *values: float, signature: str = "", name: str = "labelled") -> Any:
    message = kind()
    message.model_spec.name, message.model_spec.signature_name = name, signature
    for value in values:
        message.input.example_list.examples.add().features.feature["x"].float_list.value.append(value)
    return message


@pytest.mark.parametrize(
    ("spec", "factor"), [({}, 3), ({"version": 2}, 2), ({"label": "stable"}, 2), ({"label": "canary"}, 3)]
)
def test_predict(prediction: Any, spec: dict[str, Any], factor: int) -> None:
    response = prediction.Predict(request(x=X, **spec), timeout=60)
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs["y"]), factor * X)
    assert response.model_spec.version.value == factor


def test_output_filter(prediction: Any) -> None:
    assert list(prediction.Predict(request(x=X, outputs=("factor",)), timeout=60).outputs) == ["factor"]


def test_texts(prediction: Any) -> None:
    response = prediction.Predict(request(signature="lengths", texts=np.array([[b"a", b"bcd"]], object)), timeout=60)
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs["lengths"]), [[1, 3]])


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (request(name="nobody", x=X), NOT_FOUND),
        (request(version=9, x=X), NOT_FOUND),
        (request(label="beta", x=X), INVALID),
        (request(x=X.astype(np.float64)), INVALID),
        (request(z=X), INVALID),
        (request(x=X, outputs=("z",)), INVALID),
        (request(signature="fails", x=-X), INVALID),
    ],
    ids=["model", "version", "label", "dtype", "input", "output", "assertion"],
)
def test_status_codes(prediction: Any, message: Any, expected: grpc.StatusCode) -> None:
    assert code(lambda: prediction.Predict(message, timeout=60)) == expected


def test_the_graph_says_which_ranks_it_takes(prediction: Any) -> None:
    response = prediction.Predict(request(x=X[None]), timeout=60)
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs["y"]), 3 * X[None])


def test_classify_and_regress(prediction: Any) -> None:
    response = prediction.Classify(of_examples(classification_pb2.ClassificationRequest, 0.25), timeout=60)
    (row,) = response.result.classifications
    assert [(scored_class.label, scored_class.score) for scored_class in row.classes] == [("yes", 0.25), ("no", 0.75)]
    response = prediction.Regress(of_examples(regression_pb2.RegressionRequest, 0.25, signature="value"), timeout=60)
    assert [regression.value for regression in response.result.regressions] == [2.5]


def test_a_signature_of_another_method(prediction: Any) -> None:
    message = of_examples(regression_pb2.RegressionRequest, 0.25)
    assert code(lambda: prediction.Regress(message, timeout=60)) == INVALID


def test_multi_inference(prediction: Any) -> None:
    message = inference_pb2.MultiInferenceRequest()
    for signature, method in (("serving_default", "classify"), ("value", "regress")):
        task = message.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name, task.model_spec.signature_name = "labelled", signature
    message.input.example_list.examples.add().features.feature["x"].float_list.value.append(0.5)
    kinds = [result.WhichOneof("result") for result in prediction.MultiInference(message, timeout=60).results]
    assert kinds == ["classification_result", "regression_result"]


def test_metadata(prediction: Any) -> None:
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    message.model_spec.name = "scaled"
    signatures = get_model_metadata_pb2.SignatureDefMap()
    prediction.GetModelMetadata(message, timeout=60).metadata["signature_def"].Unpack(signatures)
    assert {"serving_default", "lengths", "fails"} <= set(signatures.signature_def)
    message.metadata_field[:] = ["weather"]
    assert code(lambda: prediction.GetModelMetadata(message, timeout=60)) == INVALID


def test_status(models: Any) -> None:
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = "scaled"
    states = {
        status.version: status.state for status in models.GetModelStatus(message, timeout=60).model_version_status
    }
    assert states == {2: get_model_status_pb2.ModelVersionStatus.AVAILABLE,
                     3: get_model_status_pb2.ModelVersionStatus.AVAILABLE}  # fmt: skip
    message.model_spec.name = "nobody"
    assert code(lambda: models.GetModelStatus(message, timeout=60)) == NOT_FOUND
