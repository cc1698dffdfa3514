"""Every call of the prediction service on a real server and socket, errors included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    predict_pb2,
    regression_pb2,
)

from interestflow.serving.server.configuration import MODEL_PLATFORM, one_model
from interestflow.serving.server.metrics import ServerMetrics
from interestflow.serving.server.prediction_service import answer_call
from interestflow.serving.server.server import Server
from tests.serving.server import small_models
from tests.serving.server.checks import rpc_error
from tests.serving.server.small_models import Stubs, options, request

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED
X = np.float32([1.0, 2.0])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("models") / "scaled"
    for version in (2, 3):
        small_models.write_scaled(base, version)
    small_models.write_labelled(base.parent / "labelled")
    return base


@pytest.fixture(scope="module")
def models(base: Path) -> Any:
    """Return versions 2 and 3, of which `canary` is the newer, and a model that classifies and regresses."""
    models = one_model("scaled", str(base))
    (model,) = models.model_config_list.config
    model.model_version_policy.all.SetInParent()
    model.version_labels["stable"], model.version_labels["canary"] = 2, 3
    labelled = models.model_config_list.config.add(name="labelled", base_path=str(base.parent / "labelled"))
    labelled.model_platform = MODEL_PLATFORM
    return models


@pytest.fixture(scope="module")
def stubs(base: Path, models: Any) -> Iterator[Stubs]:
    with Server(options(base, models=models)) as server, Stubs(server.port) as stubs:
        yield stubs


def examples(kind: Any, *values: float, name: str = "labelled", signature: str = "") -> Any:
    """Return a request of a kind that takes examples, with the feature `x` in each."""
    message = kind()
    message.model_spec.name, message.model_spec.signature_name = name, signature
    for value in values:
        message.input.example_list.examples.add().features.feature["x"].float_list.value.append(value)
    return message


def test_the_newest_version_answers_unless_another_is_asked_for(stubs: Stubs) -> None:
    assert stubs.scaled([1.0, 2.0]) == [3.0, 6.0]
    assert stubs.scaled([1.0], version=2) == [2.0]
    assert stubs.scaled([1.0], label="stable") == [2.0]
    assert stubs.scaled([1.0], label="canary") == [3.0]


def test_an_answer_says_what_gave_it_and_holds_what_was_asked_for(stubs: Stubs) -> None:
    response = stubs.prediction.Predict(request(x=np.float32([1.0]), outputs=("factor",)))
    assert list(response.outputs) == ["factor"]
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("scaled", 3, "serving_default")


def test_text_and_empty_tensors(stubs: Stubs) -> None:
    texts = np.array([[b"a", "東京".encode()], [b"", b"abc"]], object)
    response = stubs.prediction.Predict(request(signature="lengths", texts=texts))
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs["lengths"]), [[1, 6], [0, 3]])
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs["texts"]), texts)
    assert stubs.scaled([]) == []


def test_the_graph_says_which_ranks_it_takes(stubs: Stubs) -> None:
    for x in (np.float32(1.0), np.float32([[1.0, 2.0]])):
        response = stubs.prediction.Predict(request(x=x))
        np.testing.assert_array_equal(tf.make_ndarray(response.outputs["y"]), 3 * x)


def test_answers_hold_values_unless_bytes_are_asked_for(stubs: Stubs, base: Path, models: Any) -> None:
    as_values = stubs.prediction.Predict(request(x=X)).outputs["y"]
    assert (list(as_values.float_val), as_values.tensor_content) == ([3.0, 6.0], b"")
    changed = options(base, models=models, serialize_as_tensor_content=True)
    with Server(changed) as server, Stubs(server.port) as other:
        as_bytes = other.prediction.Predict(request(x=X)).outputs["y"]
    assert (list(as_bytes.float_val), as_bytes.tensor_content) == ([], np.float32([3, 6]).tobytes())


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        (predict_pb2.PredictRequest(), INVALID, "Missing ModelSpec"),
        (request(name="", x=X), INVALID, "ModelSpec has no name specified."),
        (request(name="nobody", x=X), NOT_FOUND, "Latest(nobody)"),
        (request(version=9, x=X), NOT_FOUND, "Specific(scaled, 9)"),
        (request(label="beta", x=X), INVALID, "Unrecognized servable version label: beta"),
        (
            request(signature="train", x=X),
            grpc.StatusCode.FAILED_PRECONDITION,
            'Serving signature key "train" not found.',
        ),
        (request(x=X.astype(np.float64)), INVALID, "`x` should be DT_FLOAT, received DT_DOUBLE"),
        (request(z=X), INVALID, "Sent extra: {z}. Missing but required: {x}."),
        (request(x=X, outputs=("z",)), INVALID, "output tensor alias not found in signature: z"),
        (request(x=X, outputs=("y", "y")), INVALID, "duplicate output tensor alias: y"),
        (request(signature="fails", x=-X), INVALID, "`x` should not be negative"),
        (request(signature="__saved_model_init_op"), grpc.StatusCode.OUT_OF_RANGE, "an operation without an output"),
    ],
    ids=[
        "no-spec", "no-name", "model", "version", "label", "signature", "dtype", "input", "output", "output-twice",
        "assertion", "operation",
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_named(stubs: Stubs, message: Any, code: grpc.StatusCode, words: str) -> None:
    received, details = rpc_error(lambda: stubs.prediction.Predict(message))
    assert received == code
    assert words in details
    assert stubs.scaled([1.0]) == [3.0]


def test_an_empty_label_is_no_label(stubs: Stubs) -> None:
    message = request(x=X)
    message.model_spec.version_label = ""
    assert rpc_error(lambda: stubs.prediction.Predict(message)) == (INVALID, "Unrecognized servable version label: ")


def test_classify_and_regress(stubs: Stubs) -> None:
    answer = stubs.prediction.Classify(examples(classification_pb2.ClassificationRequest, 0.25, 0.75))
    assert [[(c.label, c.score) for c in row.classes] for row in answer.result.classifications] == [
        [("yes", 0.25), ("no", 0.75)], [("yes", 0.75), ("no", 0.25)],
    ]  # fmt: skip
    assert answer.model_spec.signature_name == "serving_default"
    answer = stubs.prediction.Regress(examples(regression_pb2.RegressionRequest, 0.25, signature="value"))
    assert [row.value for row in answer.result.regressions] == [2.5]
    assert answer.model_spec.signature_name == "value"


def test_a_context_is_part_of_every_example(stubs: Stubs) -> None:
    message = regression_pb2.RegressionRequest()
    message.model_spec.name, message.model_spec.signature_name = "labelled", "value"
    listed = message.input.example_list_with_context
    listed.context.features.feature["x"].float_list.value.append(0.5)
    listed.examples.add()
    listed.examples.add().features.feature["x"].float_list.value.append(1.0)
    assert [row.value for row in stubs.prediction.Regress(message).result.regressions] == [5.0, 10.0]


def test_what_cannot_be_classified_or_regressed_is_named(stubs: Stubs) -> None:
    classify, regress = classification_pb2.ClassificationRequest, regression_pb2.RegressionRequest
    calls = {
        "No classification inputs found in SignatureDef": lambda: stubs.prediction.Classify(
            examples(classify, 1.0, name="scaled")
        ),
        "to contain at least one of": lambda: stubs.prediction.Classify(examples(classify, 1.0, signature="value")),
        "Expected one output Tensor.": lambda: stubs.prediction.Regress(examples(regress, 1.0)),
        "Input is empty.": lambda: stubs.prediction.Classify(examples(classify)),
        "No signature was found with the name: none": lambda: stubs.prediction.Regress(
            examples(regress, 1.0, signature="none")
        ),
    }
    for words, call in calls.items():
        code, details = rpc_error(call)
        assert code == INVALID, words
        assert words in details


def test_the_method_of_a_signature_counts_where_it_is_checked(base: Path, models: Any) -> None:
    with Server(options(base, models=models, check_method_name=True)) as server, Stubs(server.port) as stubs:
        message = examples(classification_pb2.ClassificationRequest, 0.25, signature="value")
        code, details = rpc_error(lambda: stubs.prediction.Classify(message))
        assert code == INVALID
        assert "method_name to be tensorflow/serving/classify. Was: tensorflow/serving/regress" in details
        message = examples(regression_pb2.RegressionRequest, 0.25, signature="value")
        assert [row.value for row in stubs.prediction.Regress(message).result.regressions] == [2.5]


def tasks(*pairs: tuple[str, str], name: str = "labelled") -> inference_pb2.MultiInferenceRequest:
    """Return tasks by signature and method, on one example."""
    message = inference_pb2.MultiInferenceRequest()
    for key, method in pairs:
        task = message.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name, task.model_spec.signature_name = name, key
    message.input.example_list.examples.add().features.feature["x"].float_list.value.append(0.5)
    return message


def test_several_tasks_on_the_same_examples(stubs: Stubs) -> None:
    message = tasks(("serving_default", "classify"), ("value", "regress"))
    first, second = stubs.prediction.MultiInference(message).results
    assert [c.label for c in first.classification_result.classifications[0].classes] == ["yes", "no"]
    assert second.regression_result.regressions[0].value == 5.0
    assert (first.model_spec.signature_name, second.model_spec.signature_name) == ("serving_default", "value")


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        (tasks(), INVALID, "ModelSpec has no name specified."),
        (tasks(("value", "regress"), ("value", "regress")), INVALID, "Duplicate evaluation of signature: value"),
        (tasks(("none", "regress")), INVALID, "Requested signature not found in model graph: none"),
        (tasks(("value", "predict")), UNIMPLEMENTED, "Unsupported signature method_name: tensorflow/serving/predict"),
        (tasks(("value", "regress"), name="nobody"), NOT_FOUND, "Latest(nobody)"),
    ],
    ids=["none", "twice", "signature", "method", "model"],
)
def test_wrong_tasks(stubs: Stubs, message: Any, code: grpc.StatusCode, words: str) -> None:
    received, details = rpc_error(lambda: stubs.prediction.MultiInference(message))
    assert (received, words in details) == (code, True), details


def test_tasks_of_two_models_are_refused(stubs: Stubs) -> None:
    message = tasks(("value", "regress"), ("serving_default", "classify"))
    message.tasks[1].model_spec.name = "scaled"
    assert rpc_error(lambda: stubs.prediction.MultiInference(message)) == (
        INVALID,
        "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
    )


def metadata_request(*fields: str, name: str = "scaled") -> get_model_metadata_pb2.GetModelMetadataRequest:
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    message.model_spec.name = name
    return message


def test_metadata_has_all_signatures_and_names_none(stubs: Stubs) -> None:
    response = stubs.prediction.GetModelMetadata(metadata_request("signature_def"))
    assert (response.model_spec.version.value, response.model_spec.signature_name) == (3, "")
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert set(signatures.signature_def) == {"serving_default", "lengths", "fails", "__saved_model_init_op"}
    assert signatures.signature_def["serving_default"].inputs["x"].dtype == tf.float32.as_datatype_enum


def test_metadata_that_is_not_there(stubs: Stubs) -> None:
    assert rpc_error(lambda: stubs.prediction.GetModelMetadata(metadata_request("graph"))) == (
        INVALID, "Metadata field graph is not supported",
    )  # fmt: skip
    assert rpc_error(lambda: stubs.prediction.GetModelMetadata(metadata_request())) == (
        INVALID, "GetModelMetadataRequest must specify at least one metadata_field",
    )  # fmt: skip
    unknown = metadata_request("signature_def", name="nobody")
    assert rpc_error(lambda: stubs.prediction.GetModelMetadata(unknown))[0] == NOT_FOUND


class ExpiredContext:
    """The context of a call whose deadline has passed, as gRPC would hand it over."""

    def time_remaining(self) -> float:
        return 0.0

    def is_active(self) -> bool:
        return True

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise grpc.RpcError(code, details)


def test_a_request_whose_deadline_has_passed_is_not_run() -> None:
    answers: list[str] = []
    metrics = ServerMetrics()
    with pytest.raises(grpc.RpcError) as raised:
        answer_call(metrics, "scaled", "Predict", ExpiredContext(), lambda: answers.append("run"))  # type: ignore[arg-type]
    assert raised.value.args[0] == grpc.StatusCode.DEADLINE_EXCEEDED
    assert answers == []
    assert 'status="DEADLINE_EXCEEDED"} 1.0' in metrics.text().decode()


def test_a_failure_on_the_server_s_side_tells_no_client_its_kind(base: Path, models: Any) -> None:
    with Server(options(base, models=models)) as server, Stubs(server.port) as stubs:
        with server.manager.use("scaled") as servable:
            servable._inputs.clear()
        code, details = rpc_error(lambda: stubs.prediction.Predict(request(x=X)))
    assert (code, details) == (
        grpc.StatusCode.INTERNAL, "Predict failed on the server's side; its log says why",
    )  # fmt: skip
