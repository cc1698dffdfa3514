"""The client's messages are TensorFlow's and TensorFlow Serving's, field by field and byte by byte."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2, predict_pb2

from interestflow.serving.client import protocol_pb2

PAIRS = [
    (protocol_pb2.TensorShapeProto, tensor_shape_pb2.TensorShapeProto),
    (protocol_pb2.TensorProto, tensor_pb2.TensorProto),
    (protocol_pb2.TensorInfo, meta_graph_pb2.TensorInfo),
    (protocol_pb2.SignatureDef, meta_graph_pb2.SignatureDef),
    (protocol_pb2.SignatureDefMap, get_model_metadata_pb2.SignatureDefMap),
    (protocol_pb2.ModelSpec, model_pb2.ModelSpec),
    (protocol_pb2.PredictRequest, predict_pb2.PredictRequest),
    (protocol_pb2.PredictResponse, predict_pb2.PredictResponse),
    (protocol_pb2.GetModelMetadataRequest, get_model_metadata_pb2.GetModelMetadataRequest),
    (protocol_pb2.GetModelMetadataResponse, get_model_metadata_pb2.GetModelMetadataResponse),
    (protocol_pb2.GetModelStatusRequest, get_model_status_pb2.GetModelStatusRequest),
    (protocol_pb2.ModelVersionStatus, get_model_status_pb2.ModelVersionStatus),
    (protocol_pb2.GetModelStatusResponse, get_model_status_pb2.GetModelStatusResponse),
]
PACKAGES = ("interestflow.serving.client.", "tensorflow.serving.", "tensorflow.")


def _fields(descriptor: Any) -> dict[str, tuple[Any, ...]]:
    """Return the properties of each field that determine its bytes."""

    def plain(kind: Any) -> str | None:
        name = kind and kind.full_name
        return next((name.removeprefix(package) for package in PACKAGES if name.startswith(package)), name) if name \
            else None  # fmt: skip

    return {
        field.name: (
            field.number,
            field.type,
            field.is_repeated,
            plain(field.message_type),
            plain(field.enum_type),
            field.containing_oneof and field.containing_oneof.name,
        )
        for field in descriptor.fields
    }


def test_messages_name_the_module_that_they_are_in() -> None:
    # `Client.predict` finds the response beside the request by this name, and so does pickle.
    assert {ours.__module__ for ours, _ in PAIRS} == {protocol_pb2.__name__}


def test_every_message_is_compared() -> None:
    project_names = {ours.DESCRIPTOR.name for ours, _ in PAIRS}
    assert set(protocol_pb2.DESCRIPTOR.message_types_by_name) == project_names


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=[ours.DESCRIPTOR.name for ours, _ in PAIRS])
def test_fields_have_the_same_numbers_and_types(ours: Any, theirs: Any) -> None:
    expected = _fields(theirs.DESCRIPTOR)
    assert _fields(ours.DESCRIPTOR) == {name: expected[name] for name in _fields(ours.DESCRIPTOR)}
    for nested in ours.DESCRIPTOR.nested_types:
        expected = _fields(theirs.DESCRIPTOR.nested_types_by_name[nested.name])
        assert _fields(nested) == {name: expected[name] for name in _fields(nested)}


def test_enumerations_have_the_same_numbers() -> None:
    for ours, theirs in (
        (protocol_pb2.DataType, types_pb2.DataType),
        (protocol_pb2.ModelVersionStatus.State, get_model_status_pb2.ModelVersionStatus.State),
    ):
        assert dict(ours.items()).items() <= dict(theirs.items()).items()


def _filled(kind: Any) -> Any:
    """Return a message in which every field that the client knows has a value."""
    message = kind()
    _fill(message, getattr(protocol_pb2, kind.DESCRIPTOR.name).DESCRIPTOR)
    return message


def _fill(message: Any, descriptor: Any) -> None:
    for index, field in enumerate(descriptor.fields, 1):
        value: Any = {"bytes": b"\xff\x00", "string": "é", "bool": True, "double": 0.25, "float": 0.5}.get(
            _type_name(field), index
        )
        if field.enum_type is not None:
            value = field.enum_type.values[-1].number
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            entry = getattr(message, field.name)["key"]
            _fill(entry, field.message_type.fields_by_name["value"].message_type)
        elif field.message_type is not None:
            child = getattr(message, field.name)
            _fill(child.add() if field.is_repeated else child, field.message_type)
        elif field.is_repeated:
            getattr(message, field.name).extend([value, value])
        else:
            setattr(message, field.name, value)


def _type_name(field: Any) -> str:
    names = {field.TYPE_BYTES: "bytes", field.TYPE_STRING: "string", field.TYPE_BOOL: "bool",
             field.TYPE_DOUBLE: "double", field.TYPE_FLOAT: "float"}  # fmt: skip
    return names.get(field.type, "integer")


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=[ours.DESCRIPTOR.name for ours, _ in PAIRS])
def test_bytes_mean_the_same_both_ways(ours: Any, theirs: Any) -> None:
    for sender, receiver in ((ours, theirs), (theirs, ours)):
        message = _filled(sender)
        received = receiver.FromString(message.SerializeToString())
        assert _content(received) == _content(message)
        assert _content(message) == _content(_filled(receiver))


def _content(message: Any) -> Any:
    """Return fields and values; the content of `Any` as bytes, since its type is looked up by name."""
    if message.DESCRIPTOR.name == "GetModelMetadataResponse":
        return _content(message.model_spec), {key: value.value for key, value in message.metadata.items()}
    return json_format.MessageToDict(message, preserving_proto_field_name=True)
