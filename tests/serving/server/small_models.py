"""Small models that load quickly, and servers of them on real sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc

from interestflow.serving.server.configuration import ServerOptions, one_model
from interestflow.serving.server.server import Server


class Scaled(tf.Module):
    """`serving_default`: `y = factor * x` and the `factor`; `lengths`: of texts; `fails`: where x is negative."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = tf.Variable(factor)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def scale(self, x: Any) -> dict[str, Any]:
        return {"y": self.factor * x, "factor": tf.fill(tf.shape(x), self.factor)}

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.string, name="texts")])
    def lengths(self, texts: Any) -> dict[str, Any]:
        return {"lengths": tf.strings.length(texts), "texts": texts}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def fails(self, x: Any) -> dict[str, Any]:
        with tf.control_dependencies([tf.debugging.assert_non_negative(x, message="`x` should not be negative")]):
            return {"y": tf.identity(x)}


def write_scaled(base: Path, version: int, factor: float | None = None) -> Path:
    """Return version `version` below `base`, which multiplies by `factor` (by its own number where None)."""
    module = Scaled(float(version if factor is None else factor))
    folder = base / str(version)
    signatures = {"serving_default": module.scale, "lengths": module.lengths, "fails": module.fails}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


def write_labelled(base: Path) -> Path:
    """Return a model with signatures of the methods classify and regress, as estimators export them."""
    folder = base / "1"
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        examples = tf.compat.v1.placeholder(tf.string, [None], "examples")
        x = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]
        scores = tf.stack([x, 1.0 - x], axis=1)
        classes = tf.tile([["yes", "no"]], [tf.shape(x)[0], 1])
        build = tf.compat.v1.saved_model
        signatures = {
            "serving_default": build.classification_signature_def(examples, classes, scores),
            "value": build.regression_signature_def(examples, 10.0 * x),
        }
        builder = build.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()
    return folder


def options(base: Path, **changes: Any) -> ServerOptions:
    """Return options that serve the model `scaled` below `base`, and check for versions every 50 ms."""
    return ServerOptions(**{"models": one_model("scaled", str(base)), "poll_seconds": 0.05, **changes})


__all__ = ["Server", "Stubs", "options", "request", "write_labelled", "write_scaled"]


class Stubs:
    """gRPC stubs of one server."""

    def __init__(self, port: int) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.max_receive_message_length", -1)])
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def __enter__(self) -> Stubs:
        return self

    def __exit__(self, *_: Any) -> None:
        self.channel.close()

    def scaled(self, x: list[float], **spec: Any) -> list[float]:
        response = self.prediction.Predict(request(x=np.array(x, np.float32), **spec), timeout=60)
        return tf.make_ndarray(response.outputs["y"]).tolist()


def request(*, name: str = "scaled", signature: str = "", version: int | None = None, label: str = "",
            outputs: tuple[str, ...] = (), **tensors: Any) -> predict_pb2.PredictRequest:  # fmt: skip
    message = predict_pb2.PredictRequest(output_filter=outputs)
    message.model_spec.name, message.model_spec.signature_name = name, signature
    if version is not None:
        message.model_spec.version.value = version
    if label:
        message.model_spec.version_label = label
    for key, value in tensors.items():
        message.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return message
