"""Metadata of models, as the real TensorFlow Serving returns them."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2

from interestflow.serving.client import protocol_pb2
from interestflow.serving.client.client_error import ClientError
from interestflow.serving.client.metadata import Metadata, Signature, TensorInfo
from interestflow.serving.description import Description
from tests.serving.conformance.replay.recordings import load_recording

ANSWERED = [
    case
    for case in load_recording("grpc_metadata_status").cases
    if case["method"] == "PredictionService/GetModelMetadata" and case["answer"]["code"] == "OK"
]
SIGNATURES = {
    "double": {"binary", "fails", "kinds", "large", "one", "only", "scalar", "serving_default", "slow", "total"},
    "ranker": {"predict", "rank", "serving_default"},
    "tasks": {"predict", "rank", "serving_default"},
    "matcher": {"encode_items", "encode_user", "retrieve", "serving_default"},
    "labelled": {"raw", "serving_default", "value"},
}


def read(case: dict[str, Any]) -> Metadata:
    """Return the answer, from the bytes that the real server would have sent."""
    answer = json_format.ParseDict(case["answer"]["response"], get_model_metadata_pb2.GetModelMetadataResponse())
    return Metadata.from_response(protocol_pb2.GetModelMetadataResponse.FromString(answer.SerializeToString()))


@pytest.mark.parametrize("case", ANSWERED, ids=[case["id"] for case in ANSWERED])
def test_every_recorded_answer_is_read(case: dict[str, Any]) -> None:
    metadata = read(case)
    spec = case["answer"]["response"]["model_spec"]
    assert metadata.version == int(spec["version"])
    assert set(metadata.signatures) == SIGNATURES[spec["name"]]
    assert metadata.description is None
    assert not metadata.has_description


def test_shapes_and_dtypes_are_those_of_the_model() -> None:
    by_model = {case["answer"]["response"]["model_spec"]["name"]: read(case) for case in ANSWERED}
    rank = by_model["ranker"].signature("rank")
    assert rank.inputs["history_age"] == TensorInfo("int64", (None, None))
    assert rank.inputs["tags"] == TensorInfo("string", (None, None, None))
    assert rank.outputs == {"click": TensorInfo("float32", (None, None))}
    assert by_model["ranker"].candidate_inputs() == {"item", "category", "price", "tags"}
    assert by_model["matcher"].signature("encode_items").outputs == {"item": TensorInfo("float32", (None, 9))}
    kinds = by_model["double"].signature("kinds").inputs
    assert {name: tensor.dtype for name, tensor in kinds.items()} == {
        "b": "bool", "d": "float64", "f": "float32", "i32": "int32", "i64": "int64", "s": "string", "u8": "uint8",
    }  # fmt: skip
    assert by_model["double"].signature("one").inputs == {"x": TensorInfo("float32", ())}
    with pytest.raises(ClientError, match="the model has no signature 'rank'; it has encode_items, encode_user"):
        by_model["matcher"].signature("rank")


def test_an_unknown_dtype_or_shape_is_no_error() -> None:
    definition = meta_graph_pb2.SignatureDef()
    definition.inputs["x"].dtype = 77
    definition.inputs["y"].dtype = 107
    definition.outputs["z"].tensor_shape.unknown_rank = True
    metadata = Metadata.from_signatures(3, {"odd": definition})
    assert metadata == Metadata(
        3,
        {
            "odd": Signature(
                {"x": TensorInfo("dtype 77", ()), "y": TensorInfo("string_ref", ())}, {"z": TensorInfo("invalid", None)}
            )
        },
    )
    assert metadata.signature("odd").outputs["z"].rank is None


def test_an_answer_of_other_bytes_is_one_sentence() -> None:
    response = protocol_pb2.GetModelMetadataResponse()
    response.metadata["signature_def"].value = b"\xff\xff"
    with pytest.raises(ClientError, match="should hold signatures"):
        Metadata.from_response(response)
    assert Metadata.from_response(protocol_pb2.GetModelMetadataResponse()) == Metadata(0, {})


def test_a_description_is_one_of_this_project_only() -> None:
    def described(rows: str, description: str) -> Metadata:
        tensors = {"rows": TensorInfo(rows, (None,))}, {"description": TensorInfo(description, (None,))}
        return Metadata(1, {"describe": Signature(*tensors)})

    assert described("int32", "string").has_description
    assert not described("float32", "string").has_description
    assert not described("int32", "float32").has_description


def test_an_interface_is_the_same_whatever_the_version() -> None:
    signatures = {"predict": Signature({"x": TensorInfo("string", (None,))}, {})}
    first = Metadata(1, signatures, Description(max_rows=4))
    assert first.has_same_interface(Metadata(2, signatures, Description(max_rows=4)))
    assert not first.has_same_interface(Metadata(2, signatures, Description(max_rows=5)))
    assert not first.has_same_interface(Metadata(2, {}, Description(max_rows=4)))
