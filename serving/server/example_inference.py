"""Classify, Regress and MultiInference: signatures from serialized `tf.Example`s to classes or values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
import numpy as np
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import classification_pb2, inference_pb2, input_pb2, model_pb2, regression_pb2

from interestflow.serving.server.batching import Runner
from interestflow.serving.server.errors import ServingError, invalid
from interestflow.serving.server.example_signatures import (
    CLASSES,
    CLASSIFY,
    INPUTS,
    REGRESS,
    SCORES,
    VALUES,
    classify_outputs,
    regress_outputs,
)
from interestflow.serving.server.limits import RequestLimits
from interestflow.serving.server.manager import Manager
from interestflow.serving.server.model_spec import require_model_spec, set_model_spec, use_servable
from interestflow.serving.server.servable import DEFAULT_SIGNATURE, Servable

OUTPUTS: Mapping[str, Callable[[meta_graph_pb2.SignatureDef, bool], list[str]]] = {
    CLASSIFY: classify_outputs,
    REGRESS: regress_outputs,
}
"""Function that returns the outputs a method needs of a signature, by method."""
Request: TypeAlias = "classification_pb2.ClassificationRequest | regression_pb2.RegressionRequest"
Response: TypeAlias = "classification_pb2.ClassificationResponse | regression_pb2.RegressionResponse"
Result: TypeAlias = "classification_pb2.ClassificationResult | regression_pb2.RegressionResult"


def classify(
    manager: Manager, runner: Runner, request: classification_pb2.ClassificationRequest, check_method: bool = False
) -> classification_pb2.ClassificationResponse:
    """Answer Classify.

    Args:
        manager: manager of the models.
        runner: runner of the signature.
        request: request of the client.
        check_method: whether the signature has to be of the method classify.

    Raises:
        ServingError: for a request that cannot be answered.
    """
    response = classification_pb2.ClassificationResponse()
    _answer(manager, runner, request, CLASSIFY, check_method, response)
    return response


def regress(
    manager: Manager, runner: Runner, request: regression_pb2.RegressionRequest, check_method: bool = False
) -> regression_pb2.RegressionResponse:
    """Answer Regress; the arguments are those of `classify`.

    Raises:
        ServingError: for a request that cannot be answered.
    """
    response = regression_pb2.RegressionResponse()
    _answer(manager, runner, request, REGRESS, check_method, response)
    return response


def multi_inference(
    manager: Manager, runner: Runner, request: inference_pb2.MultiInferenceRequest, check_method: bool = False
) -> inference_pb2.MultiInferenceResponse:
    """Answer MultiInference: several tasks of one model on the same examples.

    Args:
        manager: manager of the models.
        runner: runner of the signatures.
        request: request of the client.
        check_method: whether the signatures have to be of the methods that the tasks name.

    Raises:
        ServingError: for a request that cannot be answered; one wrong task is enough.
    """
    spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
    response = inference_pb2.MultiInferenceResponse()
    with use_servable(manager, spec) as servable:
        outputs = _check_tasks(servable, request, check_method)
        examples = serialize_examples(request.input, servable.limits)
        for requested, names in zip(request.tasks, outputs, strict=True):
            task = ExampleTask(servable, runner, requested.model_spec.signature_name, names)
            result = response.results.add()
            is_classification = requested.method_name == CLASSIFY
            task.write(
                requested.method_name,
                examples,
                result.classification_result if is_classification else result.regression_result,
            )
            set_model_spec(servable, task.key, result.model_spec)
    return response


def serialize_examples(request: input_pb2.Input, limits: RequestLimits | None = None) -> list[bytes]:
    """Return the serialized examples of a request; a context precedes each, whose own features take precedence.

    Raises:
        ServingError: INVALID_ARGUMENT where there is no example, and where a context makes the examples longer than
            a request's tensors may be.
    """
    kind = request.WhichOneof("kind")
    listed: Any = getattr(request, kind).examples if kind is not None else ()
    if not listed:
        raise invalid("Input is empty.")
    has_context = kind == "example_list_with_context"
    context = request.example_list_with_context.context.SerializeToString() if has_context else b""
    (limits or RequestLimits()).check_bytes(INPUTS, len(context) * len(listed))
    return [context + example.SerializeToString() for example in listed]


@dataclass(frozen=True)
class ExampleTask:
    """A signature that takes examples, and the outputs that the request needs."""

    servable: Servable
    runner: Runner
    key: str
    outputs: list[str]

    def write(self, method: str, examples: list[bytes], result: Result) -> None:
        """Write the outputs for each example into the result of `method`, CLASSIFY or REGRESS.

        Raises:
            ServingError: INVALID_ARGUMENT for outputs that the method cannot have.
        """
        if method == CLASSIFY:
            self.classify(examples, result)
        else:
            self.regress(examples, result)

    def classify(self, examples: list[bytes], result: classification_pb2.ClassificationResult) -> None:
        """Write the classes and scores of each example into `result`.

        Raises:
            ServingError: INVALID_ARGUMENT for outputs that do not have a row of classes for each example.
        """
        arrays = self._run(examples)
        for name, array in arrays.items():
            _check_classes(name, array, len(examples))
        widths = {array.shape[1] for array in arrays.values()}
        if len(widths) > 1:
            raise invalid(f"Tensors class and score should match in dim_size(1). Got {sorted(widths)}")
        columns = {name: array.tolist() for name, array in arrays.items()}
        for row in range(len(examples)):
            classes = result.classifications.add().classes
            for column in range(*widths):
                added = classes.add()
                if CLASSES in columns:
                    added.label = columns[CLASSES][row][column].decode("utf-8", "replace")
                if SCORES in columns:
                    added.score = columns[SCORES][row][column]

    def regress(self, examples: list[bytes], result: regression_pb2.RegressionResult) -> None:
        """Write the value of each example into `result`.

        Raises:
            ServingError: INVALID_ARGUMENT for an output that does not have a value for each example.
        """
        values = self._run(examples)[VALUES]
        if values.ndim not in (1, 2) or values.shape[1:] not in ((), (1,)):
            raise invalid(
                "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
                f"but got {list(values.shape)}"
            )
        if len(values) != len(examples):
            raise invalid(f"Input batch size did not match output batch size: {len(examples)} vs. {len(values)}")
        if values.dtype != np.float32:
            raise invalid(f"Expected output Tensor of DT_FLOAT. Got: {values.dtype}")
        for value in values.ravel().tolist():
            result.regressions.add(value=value)

    def _run(self, examples: list[bytes]) -> dict[str, np.ndarray]:
        proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=examples)
        proto.tensor_shape.dim.add(size=len(examples))
        inputs = self.servable.inputs(self.key, {INPUTS: proto})
        return self.runner.run(self.servable, self.key, inputs, self.outputs)


def _answer(
    manager: Manager, runner: Runner, request: Request, method: str, check_method: bool, response: Response
) -> None:
    """Write the answer to a request of Classify or Regress into `response`."""
    with use_servable(manager, require_model_spec(request)) as servable:
        key = request.model_spec.signature_name
        signature = _signature(servable, key, "No signature was found with the name: ")
        task = ExampleTask(servable, runner, key, OUTPUTS[method](signature, check_method))
        task.write(method, serialize_examples(request.input, servable.limits), response.result)
        set_model_spec(servable, key, response.model_spec)


def _check_classes(name: str, array: np.ndarray, examples: int) -> None:
    """Check that an output of classes or scores has a row for each example."""
    if array.ndim != 2:
        raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {list(array.shape)} for `{name}`")
    kind, dtype = ("O", "DT_STRING") if name == CLASSES else ("f", "DT_FLOAT")
    if array.dtype.kind != kind:
        raise invalid(f"Expected {name} Tensor of {dtype}. Got: {array.dtype}")
    if len(array) != examples:
        raise invalid(f"Expected {name} output batch size of {examples}. Got: {len(array)}")


def _check_tasks(
    servable: Servable, request: inference_pb2.MultiInferenceRequest, check_method: bool
) -> list[list[str]]:
    """Return the outputs that each task needs, once all tasks are checked."""
    keys: set[str] = set()
    feeds: set[str] = set()
    outputs = []
    for task in request.tasks:
        if task.model_spec.name != request.tasks[0].model_spec.name:
            raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        key = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if key in keys:
            raise invalid(f"Duplicate evaluation of signature: {key}")
        keys.add(key)
        signature = _signature(servable, key, "Requested signature not found in model graph: ")
        if task.method_name not in (CLASSIFY, REGRESS):
            raise ServingError(grpc.StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")
        outputs.append(OUTPUTS[task.method_name](signature, check_method))
        feeds.add(signature.inputs[INPUTS].name)
        if len(feeds) > 1:
            raise invalid("Input tensor must be the same for all Signatures.")
    return outputs


def _signature(servable: Servable, key: str, message: str) -> meta_graph_pb2.SignatureDef:
    key = key or DEFAULT_SIGNATURE
    if key not in servable.signatures:
        raise invalid(f"{message}{key}")
    return servable.signatures[key]
