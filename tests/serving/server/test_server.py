"""Every call of the protocol, on a real server and a real socket, and what it answers where it cannot."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import small_models
import tensorflow as tf
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from small_models import Asking, options, request
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    regression_pb2,
)

from serving.server.configuration import one_model
from serving.server.errors import ServerConfigurationError
from serving.server.server import Server

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("models") / "scaled"
    for version in (2, 3):
        small_models.write_scaled(base, version)
    return base


@pytest.fixture(scope="module")
def asking(base: Path) -> Iterator[Asking]:
    """A server of versions 2 and 3, of which `canary` is the newer, and of a model of the older methods."""
    small_models.write_labelled(base.parent / "labelled")
    models = one_model("scaled", str(base))
    (model,) = models.model_config_list.config
    model.model_version_policy.all.SetInParent()
    model.version_labels["stable"], model.version_labels["canary"] = 2, 3
    models.model_config_list.config.add(name="labelled", base_path=str(base.parent / "labelled"))
    with Server(options(base, models=models)) as server, Asking(server.port) as asking:
        yield asking


def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as raised:
        call()
    return raised.value.code(), raised.value.details()


def examples(kind: Any, *values: float, name: str = "labelled", signature: str = "") -> Any:
    found = kind()
    found.model_spec.name, found.model_spec.signature_name = name, signature
    for value in values:
        found.input.example_list.examples.add().features.feature["x"].float_list.value.append(value)
    return found


def test_the_newest_version_answers_unless_another_is_asked_for(asking: Asking) -> None:
    assert asking.scaled([1.0, 2.0]) == [3.0, 6.0]
    assert asking.scaled([1.0], version=2) == [2.0]
    assert asking.scaled([1.0], label="stable") == [2.0]
    assert asking.scaled([1.0], label="canary") == [3.0]


def test_an_answer_says_what_gave_it_and_holds_what_was_asked_for(asking: Asking) -> None:
    response = asking.prediction.Predict(request(x=np.float32([1.0]), outputs=("factor",)))
    assert list(response.outputs) == ["factor"]
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("scaled", 3, "serving_default")


def test_texts_and_empty_tensors(asking: Asking) -> None:
    texts = np.array([[b"a", "東京".encode()], [b"", b"abc"]], object)
    response = asking.prediction.Predict(request(signature="lengths", texts=texts))
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs["lengths"]), [[1, 6], [0, 3]])
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs["texts"]), texts)
    assert asking.scaled([]) == []


def test_numbers_may_come_as_values_as_well_as_bytes(asking: Asking) -> None:
    asked = request()
    proto = asked.inputs["x"]
    proto.dtype = tf.float32.as_datatype_enum
    proto.tensor_shape.dim.add(size=3)
    proto.float_val.extend([1.0, 2.0, 3.0])
    assert tf.make_ndarray(asking.prediction.Predict(asked).outputs["y"]).tolist() == [3.0, 6.0, 9.0]
    del proto.float_val[1:]  # one value stands for all
    assert tf.make_ndarray(asking.prediction.Predict(asked).outputs["y"]).tolist() == [3.0, 3.0, 3.0]


@pytest.mark.parametrize(
    ("asked", "code", "says"),
    [
        (request(name="nobody", x=np.float32([1])), NOT_FOUND, "Latest(nobody)"),
        (request(version=9, x=np.float32([1])), NOT_FOUND, "Specific(scaled, 9)"),
        (request(label="beta", x=np.float32([1])), INVALID, "Unrecognized servable version label: beta"),
        (request(name="", x=np.float32([1])), INVALID, "`model_spec.name`"),
        (request(signature="train", x=np.float32([1])), INVALID, "'train' not found; the model has fails, lengths"),
        (request(x=np.float64([1])), INVALID, "`x` should be DT_FLOAT, received DT_DOUBLE"),
        (request(x=np.float32([[1]])), INVALID, "`x` should have the shape [?], received [1, 1]"),
        (request(x=np.float32(1)), INVALID, "`x` should have the shape [?], received []"),
        (request(y=np.float32([1])), INVALID, "the inputs should be x, received missing x; unknown y"),
        (request(x=np.float32([1]), outputs=("z",)), INVALID, "`output_filter` has z; the outputs are factor, y"),
        (request(signature="fails", x=np.float32([-1])), INVALID, "`x` should not be negative"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_answered_is_named(asking: Asking, asked: Any, code: grpc.StatusCode, says: str) -> None:
    found, details = refused(lambda: asking.prediction.Predict(asked))
    assert found == code
    assert says in details
    assert "Traceback" not in details
    assert asking.scaled([1.0]) == [3.0]


def test_shapes_that_lie_are_refused_before_anything_is_allocated(asking: Asking) -> None:
    def with_shape(*sizes: int, **fields: Any) -> Any:
        asked = request()
        proto = asked.inputs["x"]
        proto.dtype = tf.float32.as_datatype_enum
        for size in sizes:
            proto.tensor_shape.dim.add(size=size)
        for name, value in fields.items():
            if isinstance(value, bytes):
                setattr(proto, name, value)
            else:
                getattr(proto, name).extend(value)
        return asked

    wrong = {
        "`x` should have at most": with_shape(2**40, float_val=[1.0]),
        "received [?]": with_shape(-1, float_val=[1.0]),
        "`x` should have 8 bytes of content": with_shape(2, tensor_content=b"abc"),
        "`x` should have 3 values": with_shape(3, float_val=[1.0, 2.0]),
    }
    for says, asked in wrong.items():
        code, details = refused(lambda asked=asked: asking.prediction.Predict(asked))
        assert code == INVALID, says
        assert says in details


def test_classify_and_regress(asking: Asking) -> None:
    found = asking.prediction.Classify(examples(classification_pb2.ClassificationRequest, 0.25, 0.75))
    assert [[(c.label, c.score) for c in row.classes] for row in found.result.classifications] == [
        [("yes", 0.25), ("no", 0.75)], [("yes", 0.75), ("no", 0.25)],
    ]  # fmt: skip
    found = asking.prediction.Regress(examples(regression_pb2.RegressionRequest, 0.25, signature="value"))
    assert [row.value for row in found.result.regressions] == [2.5]


def test_a_context_is_part_of_every_example(asking: Asking) -> None:
    asked = regression_pb2.RegressionRequest()
    asked.model_spec.name, asked.model_spec.signature_name = "labelled", "value"
    listed = asked.input.example_list_with_context
    listed.context.features.feature["x"].float_list.value.append(0.5)
    listed.examples.add()
    listed.examples.add().features.feature["x"].float_list.value.append(1.0)
    assert [row.value for row in asking.prediction.Regress(asked).result.regressions] == [5.0, 10.0]


def test_a_method_that_the_signature_is_not_of(asking: Asking) -> None:
    code, says = refused(lambda: asking.prediction.Classify(
        examples(classification_pb2.ClassificationRequest, 1.0, name="scaled")))  # fmt: skip
    assert code == INVALID
    assert "Expected the method tensorflow/serving/classify" in says
    code, says = refused(lambda: asking.prediction.Regress(examples(regression_pb2.RegressionRequest, 1.0)))
    assert code == INVALID
    code, says = refused(lambda: asking.prediction.Classify(examples(classification_pb2.ClassificationRequest)))
    assert (code, "received neither" in says or "received none" in says) == (INVALID, True)


def test_several_tasks_on_the_same_examples(asking: Asking) -> None:
    asked = inference_pb2.MultiInferenceRequest()
    for key, method in (("serving_default", "classify"), ("value", "regress")):
        task = asked.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name, task.model_spec.signature_name = "labelled", key
    asked.input.example_list.examples.add().features.feature["x"].float_list.value.append(0.5)
    first, second = asking.prediction.MultiInference(asked).results
    assert [c.label for c in first.classification_result.classifications[0].classes] == ["yes", "no"]
    assert second.regression_result.regressions[0].value == 5.0
    assert refused(lambda: asking.prediction.MultiInference(inference_pb2.MultiInferenceRequest()))[0] == INVALID


def test_metadata_has_the_signatures(asking: Asking) -> None:
    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = "scaled"
    response = asking.prediction.GetModelMetadata(asked)
    assert response.model_spec.version.value == 3
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert set(signatures.signature_def) == {"serving_default", "lengths", "fails"}
    assert signatures.signature_def["serving_default"].inputs["x"].dtype == tf.float32.as_datatype_enum
    asked.metadata_field[:] = ["graph"]
    assert refused(lambda: asking.prediction.GetModelMetadata(asked))[0] == INVALID


def test_status_of_versions(asking: Asking) -> None:
    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = "scaled"
    found = asking.models.GetModelStatus(asked).model_version_status
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert [(each.version, each.state) for each in found] == [(3, available), (2, available)]
    asked.model_spec.version.value = 7
    assert refused(lambda: asking.models.GetModelStatus(asked))[0] == NOT_FOUND


def test_reflection_tells_the_services_and_their_messages(asking: Asking) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(asking.channel)
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="tensorflow.serving.PredictionService"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="tensorflow.serving.PredictRequest"),
    ]
    listed, service, message = stub.ServerReflectionInfo(iter(asked))
    names = {each.name for each in listed.list_services_response.service}
    assert {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService", "grpc.health.v1.Health"} <= names
    assert service.file_descriptor_response.file_descriptor_proto
    assert message.file_descriptor_response.file_descriptor_proto


def test_too_large_a_message_is_refused_and_the_server_goes_on(base: Path) -> None:
    with Server(options(base, max_message_bytes=2**20)) as server, Asking(server.port) as asking:
        code, says = refused(lambda: asking.scaled([0.0] * 2**19))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in says
        assert asking.scaled([1.0]) == [3.0]


def test_requests_beyond_the_threads_are_refused(base: Path) -> None:
    with pytest.raises(ServerConfigurationError, match="`grpc_max_threads` should be at least 2"):
        Server(options(base, grpc_max_threads=1))
    with Server(options(base, grpc_max_threads=3)) as server, Asking(server.port) as asking:
        with server.manager._changed:  # holds the first requests where they look for their version
            running = [asking.prediction.Predict.future(request(x=np.float32([1]))) for _ in range(2)]
            time.sleep(0.3)
            code, _ = refused(lambda: asking.prediction.Predict(request(x=np.float32([1])), timeout=5))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert [tf.make_ndarray(each.result().outputs["y"]).tolist() for each in running] == [[3.0], [3.0]]


def test_a_port_that_is_taken_is_named(base: Path) -> None:
    with Server(options(base)) as server:
        second = Server(options(base, port=server.port))
        with pytest.raises(ServerConfigurationError, match=f"the port 127.0.0.1:{server.port} cannot be used"):
            second.start()


def test_stopping_lets_requests_end(base: Path) -> None:
    server = Server(options(base))
    server.start()
    with Asking(server.port) as asking:
        answers: list[Any] = []
        with server.manager._changed:
            future = asking.prediction.Predict.future(request(x=np.float32([1])))
            time.sleep(0.3)
            stopping = threading.Thread(target=server.stop, args=(10.0,))
            stopping.start()
            time.sleep(0.2)
            code, _ = refused(lambda: asking.prediction.Predict(request(x=np.float32([1])), timeout=5))
        answers = tf.make_ndarray(future.result().outputs["y"]).tolist()
        stopping.join()
    assert code == grpc.StatusCode.UNAVAILABLE
    assert answers == [3.0]
    assert server.wait(0)
