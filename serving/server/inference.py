"""Functions that answer requests, whether from gRPC, REST or warm-up files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, model_pb2, predict_pb2

from interestflow.serving.server.batching import Runner
from interestflow.serving.server.errors import invalid
from interestflow.serving.server.example_inference import classify, multi_inference, regress
from interestflow.serving.server.manager import Manager
from interestflow.serving.server.model_spec import require_model_spec, set_model_spec, use_servable
from interestflow.serving.server.servable import Servable
from interestflow.serving.server.tensors import encode

__all__ = [
    "SIGNATURE_DEF", "classify", "get_model_metadata", "multi_inference", "predict", "read_signatures", "regress",
    "run_signature", "use_servable",
]  # fmt: skip
SIGNATURE_DEF = "signature_def"


def predict(
    manager: Manager,
    runner: Runner,
    request: predict_pb2.PredictRequest,
    as_content: bool = False,
    observe_missing: Callable[[str, str], None] | None = None,
) -> predict_pb2.PredictResponse:
    """Answer Predict.

    Args:
        manager: manager of the models.
        runner: runner of the signature.
        request: request of the client.
        as_content: whether tensors of the response hold bytes instead of numbers.
        observe_missing: called with the model and each feature that training always had and the request lacks.

    Raises:
        ServingError: for a request that cannot be answered.
    """
    with use_servable(manager, require_model_spec(request)) as servable:
        key = request.model_spec.signature_name
        outputs = run_signature(servable, runner, key, request.inputs, request.output_filter, observe_missing)
        response = predict_pb2.PredictResponse()
        set_model_spec(servable, key, response.model_spec)
        for name, array in outputs.items():
            encode(array, response.outputs[name], as_content)
        return response


def run_signature(
    servable: Servable,
    runner: Runner,
    key: str,
    tensors: Mapping[str, tensor_pb2.TensorProto],
    wanted: Collection[str] = (),
    observe_missing: Callable[[str, str], None] | None = None,
) -> dict[str, np.ndarray]:
    """Return the outputs of a signature for the tensors of a request: those with the names `wanted`, or all.

    Raises:
        ServingError: for a request that cannot be answered.
    """
    inputs = servable.inputs(key, tensors)
    names = servable.outputs(key, wanted)
    if observe_missing is not None:
        for feature in servable.missing_features(key, inputs):
            observe_missing(servable.name, feature)
    outputs = runner.run(servable, key, inputs, names)
    return {name: outputs[name] for name in names}


def get_model_metadata(
    manager: Manager, request: get_model_metadata_pb2.GetModelMetadataRequest
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """Answer GetModelMetadata, for which TensorFlow Serving has one field, `signature_def`.

    Raises:
        ServingError: for an unknown field, model or version.
    """
    spec = require_model_spec(request)
    if not request.metadata_field:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for name in request.metadata_field:
        if name != SIGNATURE_DEF:
            raise invalid(f"Metadata field {name} is not supported")
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    signatures = read_signatures(manager, spec, response.model_spec)
    response.metadata[SIGNATURE_DEF].Pack(signatures)
    return response


def read_signatures(
    manager: Manager, spec: model_pb2.ModelSpec, answered_spec: model_pb2.ModelSpec
) -> get_model_metadata_pb2.SignatureDefMap:
    """Return the signatures of a version.

    Args:
        manager: manager of the models.
        spec: ModelSpec of the request.
        answered_spec: ModelSpec of the response, set to the version that has the signatures.

    Raises:
        ServingError: for an unknown model or version.
    """
    with use_servable(manager, spec) as servable:
        set_model_spec(servable, None, answered_spec)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for key, signature in servable.signatures.items():
            signatures.signature_def[key].CopyFrom(signature)
        return signatures
