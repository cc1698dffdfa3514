"""The protocol's messages: their classes by method, requests from JSON, and answers as plain values."""

from __future__ import annotations

import base64
from typing import Any

import tensorflow as tf
from google.protobuf import any_pb2, json_format
from google.protobuf.message import Message
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

CLASSES: dict[str, tuple[type[Message], type[Message]]] = {
    "PredictionService/Predict": (predict_pb2.PredictRequest, predict_pb2.PredictResponse),
    "PredictionService/Classify": (classification_pb2.ClassificationRequest, classification_pb2.ClassificationResponse),
    "PredictionService/Regress": (regression_pb2.RegressionRequest, regression_pb2.RegressionResponse),
    "PredictionService/MultiInference": (inference_pb2.MultiInferenceRequest, inference_pb2.MultiInferenceResponse),
    "PredictionService/GetModelMetadata": (
        get_model_metadata_pb2.GetModelMetadataRequest, get_model_metadata_pb2.GetModelMetadataResponse,
    ),
    "ModelService/GetModelStatus": (
        get_model_status_pb2.GetModelStatusRequest, get_model_status_pb2.GetModelStatusResponse,
    ),
    "ModelService/HandleReloadConfigRequest": (
        model_management_pb2.ReloadConfigRequest, model_management_pb2.ReloadConfigResponse,
    ),
}  # fmt: skip
REPEATED_FIELDS = ("float_val", "double_val", "int_val", "int64_val", "string_val")


def request_bytes(case: dict[str, Any]) -> bytes:
    """Return the request of a gRPC case as it is sent.

    A case may hold bytes (`request_base64`), or JSON (`request`) in which `repeat` lets one value stand for many rows.
    """
    if "request_base64" in case:
        return base64.b64decode(case["request_base64"])
    request_class, _ = CLASSES.get(case["method"], (None, None))
    if request_class is None:
        return b""
    request: Any = json_format.ParseDict(case["request"], request_class())
    for repetition in case.get("repeat", []):
        tensor = request.inputs[repetition["input"]]
        (values,) = (getattr(tensor, field) for field in REPEATED_FIELDS if getattr(tensor, field))
        values.extend([values[0]] * (repetition["count"] - 1))
        tensor.tensor_shape.dim[0].size = repetition["count"]
    return request.SerializeToString()


def response_from_json(method: str, content: dict[str, Any]) -> Message:
    """Return the response to `method` that a recording holds as JSON."""
    return json_format.ParseDict(content, CLASSES[method][1]())


def plain(message: Message) -> Any:
    """Return `message` as dictionaries and lists, tensors by dtype, shape and values however they are encoded."""
    if isinstance(message, tensor_pb2.TensorProto):
        return _plain_tensor(message)
    if isinstance(message, any_pb2.Any):
        content = get_model_metadata_pb2.SignatureDefMap()
        return plain(content) if message.Unpack(content) else message.type_url
    return {field.name: _plain_field(message, field, value) for field, value in message.ListFields()}


def _plain_field(message: Message, field: Any, value: Any) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {key: plain(content) if isinstance(content, Message) else content for key, content in value.items()}
    if field.is_repeated:
        return [plain(content) if isinstance(content, Message) else content for content in value]
    return plain(value) if isinstance(value, Message) else value


def _plain_tensor(proto: tensor_pb2.TensorProto) -> Any:
    tensor = tf.io.parse_tensor(proto.SerializeToString(), tf.as_dtype(proto.dtype))
    values = tf.reshape(tensor, [-1]).numpy().tolist()
    return {"dtype": proto.dtype, "shape": tensor.shape.as_list(), "values": values}
