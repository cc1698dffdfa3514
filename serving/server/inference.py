"""Requests to answers, whichever way they came: gRPC and REST both call these."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    input_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from serving.server.batching import Runner
from serving.server.errors import invalid
from serving.server.manager import Manager
from serving.server.servable import Servable
from serving.server.tensors import encoded

CLASSIFY = tf.saved_model.CLASSIFY_METHOD_NAME
REGRESS = tf.saved_model.REGRESS_METHOD_NAME
SIGNATURE_DEF = "signature_def"


@contextmanager
def servable_of(manager: Manager, spec: model_pb2.ModelSpec) -> Iterator[Servable]:
    """The version that a request names, or the newest.

    Raises:
        ServingError: see `Manager.use`; INVALID_ARGUMENT without a name.
    """
    if not spec.name:
        raise invalid("`model_spec.name` should name a model, received none")
    choice = spec.WhichOneof("version_choice")
    version = spec.version.value if choice == "version" else None
    label = spec.version_label if choice == "version_label" else None
    with manager.use(spec.name, version, label) as servable:
        yield servable


def predict(manager: Manager, runner: Runner, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
    """Answers Predict.

    Raises:
        ServingError: for what cannot be answered.
    """
    with servable_of(manager, request.model_spec) as servable:
        key = request.model_spec.signature_name
        inputs = servable.inputs(key, request.inputs)
        wanted = servable.outputs(key, request.output_filter)
        outputs = runner.run(servable, key, inputs)
        response = predict_pb2.PredictResponse(model_spec=_answered(servable, key))
        for name in wanted:
            response.outputs[name].CopyFrom(encoded(outputs[name]))
        return response


def classify(
    manager: Manager, runner: Runner, request: classification_pb2.ClassificationRequest
) -> classification_pb2.ClassificationResponse:
    """Answers Classify, by a signature whose method is that.

    Raises:
        ServingError: for what cannot be answered.
    """
    with servable_of(manager, request.model_spec) as servable:
        result = _classified(servable, runner, request.model_spec.signature_name, request.input)
        return classification_pb2.ClassificationResponse(
            result=result, model_spec=_answered(servable, request.model_spec.signature_name)
        )


def regress(
    manager: Manager, runner: Runner, request: regression_pb2.RegressionRequest
) -> regression_pb2.RegressionResponse:
    """Answers Regress, by a signature whose method is that.

    Raises:
        ServingError: for what cannot be answered.
    """
    with servable_of(manager, request.model_spec) as servable:
        result = _regressed(servable, runner, request.model_spec.signature_name, request.input)
        return regression_pb2.RegressionResponse(
            result=result, model_spec=_answered(servable, request.model_spec.signature_name)
        )


def multi_inference(
    manager: Manager, runner: Runner, request: inference_pb2.MultiInferenceRequest
) -> inference_pb2.MultiInferenceResponse:
    """Answers MultiInference: several tasks of one model on the same examples.

    Raises:
        ServingError: for what cannot be answered; one wrong task is enough.
    """
    if not request.tasks:
        raise invalid("`tasks` should have at least one, received none")
    names = {task.model_spec.name for task in request.tasks}
    if len(names) > 1:
        raise invalid(f"all tasks should be of one model, received {', '.join(sorted(names))}")
    response = inference_pb2.MultiInferenceResponse()
    with servable_of(manager, request.tasks[0].model_spec) as servable:
        for task in request.tasks:
            key = task.model_spec.signature_name
            result = response.results.add(model_spec=_answered(servable, key))
            if task.method_name == CLASSIFY:
                result.classification_result.CopyFrom(_classified(servable, runner, key, request.input))
            elif task.method_name == REGRESS:
                result.regression_result.CopyFrom(_regressed(servable, runner, key, request.input))
            else:
                raise invalid(f"`method_name` should be {CLASSIFY} or {REGRESS}, received {task.method_name!r}")
    return response


def get_model_metadata(
    manager: Manager, request: get_model_metadata_pb2.GetModelMetadataRequest
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """Answers GetModelMetadata, of which TF Serving has one field, `signature_def`.

    Raises:
        ServingError: for an unknown field, model or version.
    """
    if not request.metadata_field:
        raise invalid(f"`metadata_field` should have {SIGNATURE_DEF}, received none")
    for name in request.metadata_field:
        if name != SIGNATURE_DEF:
            raise invalid(f"Metadata field {name} is not supported; {SIGNATURE_DEF} is")
    with servable_of(manager, request.model_spec) as servable:
        response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=_answered(servable, ""))
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for key, signature in servable.signatures.items():
            signatures.signature_def[key].CopyFrom(signature)
        response.metadata[SIGNATURE_DEF].Pack(signatures)
        return response


def _answered(servable: Servable, key: str) -> model_pb2.ModelSpec:
    key = key or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
    spec = model_pb2.ModelSpec(name=servable.name, signature_name=key)
    spec.version.value = servable.version
    return spec


def _examples(request: input_pb2.Input) -> np.ndarray:
    """Serialized examples of a request; a context is joined into each."""
    kind = request.WhichOneof("kind")
    if kind == "example_list":
        examples = [example.SerializeToString() for example in request.example_list.examples]
    elif kind == "example_list_with_context":
        context = request.example_list_with_context.context
        examples = []
        for own in request.example_list_with_context.examples:
            joined = tf.train.Example.FromString(context.SerializeToString())
            joined.MergeFrom(own)
            examples.append(joined.SerializeToString())
    else:
        raise invalid("`input` should hold an example_list or an example_list_with_context, received neither")
    if not examples:
        raise invalid("`input` should have at least one example, received none")
    array = np.empty(len(examples), object)
    array[:] = examples
    return array


def _run_on_examples(
    servable: Servable, runner: Runner, key: str, method: str, request: input_pb2.Input
) -> dict[str, np.ndarray]:
    signature = servable.signature(key)
    if signature.method_name != method:
        raise invalid(f"Expected the method {method} for the signature {key or 'serving_default'!r}, "
                      f"it has {signature.method_name}")  # fmt: skip
    names = list(signature.inputs)
    if len(names) != 1:
        raise invalid(f"a signature of {method} should take serialized examples alone, it takes {', '.join(names)}")
    return runner.run(servable, key, {names[0]: _examples(request)})


def _classified(
    servable: Servable, runner: Runner, key: str, request: input_pb2.Input
) -> classification_pb2.ClassificationResult:
    outputs = _run_on_examples(servable, runner, key, CLASSIFY, request)
    classes = outputs.get(tf.saved_model.CLASSIFY_OUTPUT_CLASSES)
    scores = outputs.get(tf.saved_model.CLASSIFY_OUTPUT_SCORES)
    result = classification_pb2.ClassificationResult()
    rows = len(next(value for value in (classes, scores) if value is not None))
    for row in range(rows):
        found = result.classifications.add()
        width = (classes if classes is not None else scores)[row].size  # type: ignore[index]
        for column in range(width):
            own: dict[str, Any] = {}
            if classes is not None:
                label = classes[row].flat[column]
                own["label"] = label.decode() if isinstance(label, bytes) else str(label)
            if scores is not None:
                own["score"] = float(scores[row].flat[column])
            found.classes.add(**own)
    return result


def _regressed(
    servable: Servable, runner: Runner, key: str, request: input_pb2.Input
) -> regression_pb2.RegressionResult:
    outputs = _run_on_examples(servable, runner, key, REGRESS, request)
    values = outputs[tf.saved_model.REGRESS_OUTPUTS].reshape(-1)
    return regression_pb2.RegressionResult(
        regressions=[regression_pb2.Regression(value=float(value)) for value in values]
    )
