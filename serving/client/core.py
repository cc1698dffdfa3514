"""Protocol logic of the client without I/O: steps that the blocking client and the asyncio client both run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import grpc
import numpy as np
from google.protobuf.message import DecodeError, Message

from interestflow.serving.client import protocol_pb2
from interestflow.serving.client.arrays import fill_inputs, to_array
from interestflow.serving.client.channel import CHECK_HEALTH, GET_METADATA, GET_STATUS, PREDICT
from interestflow.serving.client.client_error import ClientError
from interestflow.serving.client.metadata import SIGNATURES, Metadata
from interestflow.serving.client.operations import Operation
from interestflow.serving.client.results import Outputs
from interestflow.serving.client.rows import Arrays
from interestflow.serving.client.rpc import Deadline, RetryingCaller, RpcSteps
from interestflow.serving.description import DESCRIBE, Description

ATTEMPTS = 5
"""Attempts of one operation, where versions come and go while it runs."""
MAX_KNOWN_VERSIONS = 8
OUTDATED = (None, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)
"""Codes of refusals that a new version may explain: it may accept other features than were packed. None is a refusal by
the client itself, based on its metadata of the model."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class ModelTarget:
    """Model that requests are sent to.

    Attributes:
        name: name of the model.
        version: number of a version, or None.
        label: label of a version, such as "stable", or None. Where both are None, the newest version answers.

    Raises:
        ClientError: for a version together with a label.
    """

    name: str
    version: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        """Check that the version is not given twice, as `version` and as `label`."""
        if self.version is not None and self.label is not None:
            raise ClientError(
                f"one of `version` and `label` should be given, received {self.version} and {self.label!r}"
            )

    def spec(self, signature: str = "", version: int | None = None) -> protocol_pb2.ModelSpec:
        """Return the ModelSpec of a request to a signature; `version` takes precedence over the target's own."""
        spec = protocol_pb2.ModelSpec(name=self.name, signature_name=signature)
        version_number = self.version if version is None else version
        if version_number is not None:
            spec.version.value = version_number
        elif self.label is not None:
            spec.version_label = self.label
        return spec


class ClientCore:
    """Runs operations on one model, and caches the metadata of its versions.

    Args:
        target: the model.
        caller: makes the calls.
        padding: whether requests have the few shapes that the model describes.
        require_features: whether an operation is refused that lacks a feature which training always had.

    Attributes:
        target: as given.
    """

    def __init__(
        self, target: ModelTarget, caller: RetryingCaller, padding: bool = True, require_features: bool = False
    ) -> None:
        """Start with an empty cache of metadata."""
        self.target = target
        self._caller = caller
        self._padding, self._require_features = padding, require_features
        self._versions: dict[int, Metadata] = {}
        self._current: Metadata | None = None

    def perform(self, operation: Operation[Result], deadline: Deadline) -> RpcSteps[Result]:
        """Perform an operation; all its requests are answered by one version.

        The cached metadata may be outdated. So where a request is refused, or another version answers that has other
        inputs, the operation is performed again with the metadata that the server has now.

        Raises:
            ClientError: for what the client or the server refuses.
        """
        metadata = self._current or (yield from self.metadata(deadline))
        version: int | None = None
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._check_features(operation, metadata)
                answered, outputs = yield from self._send_requests(operation, metadata, version, deadline)
            except ClientError as error:
                is_gone = error.code == grpc.StatusCode.NOT_FOUND and self.target.version is None
                if attempt == ATTEMPTS or not (is_gone or error.code in OUTDATED):
                    raise
                newer = yield from self.metadata(deadline)
                if newer == metadata and not is_gone:
                    raise
                metadata, version = newer, None
            else:
                if outputs is not None:
                    return operation.join_outputs(self._packing_metadata(answered), outputs)
                metadata, version = answered, answered.version
        raise ClientError(f"the versions of {self.target.name} change faster than they can be asked")

    def _send_requests(
        self, operation: Operation[Any], metadata: Metadata, version: int | None, deadline: Deadline
    ) -> RpcSteps[tuple[Metadata, list[Outputs] | None]]:
        """Send all requests of an operation, packed for `metadata`.

        Returns:
            Metadata of the version that answered, and its outputs; None where that version needs them packed anew.
        """
        outputs: list[Outputs] = []
        for arrays in operation.pack_requests(self._packing_metadata(metadata)):
            signature = operation.signature_for(self._packing_metadata(metadata), arrays)
            output = yield from self._predict(signature, arrays, version, deadline)
            if output.version not in (0, metadata.version):
                answered = self._versions.get(output.version) or (yield from self.metadata(deadline))
                if answered.version != output.version or not answered.has_same_interface(metadata):
                    return answered, None
                metadata = answered
            version = metadata.version or None
            outputs.append(output)
        self._current = metadata
        return metadata, outputs

    def metadata(self, deadline: Deadline) -> RpcSteps[Metadata]:
        """Ask for the signatures of the model and for its description.

        Raises:
            ClientError: for what the server refuses.
        """
        for attempt in range(1, ATTEMPTS + 1):
            request = protocol_pb2.GetModelMetadataRequest(model_spec=self.target.spec(), metadata_field=[SIGNATURES])
            content = yield from self._caller.call(GET_METADATA, request, deadline)
            metadata = Metadata.from_response(_parse(protocol_pb2.GetModelMetadataResponse, content))
            known = self._versions.get(metadata.version)
            if known is not None and known.signatures == metadata.signatures:
                metadata = known
            elif metadata.has_description:
                try:
                    metadata = metadata.with_description((yield from self._describe(metadata.version, deadline)))
                except ClientError as error:
                    # The version may have been unloaded between the two calls.
                    if error.code != grpc.StatusCode.NOT_FOUND or attempt == ATTEMPTS:
                        raise
                    continue
            self._remember(metadata)
            return metadata
        raise AssertionError("the last attempt returns or raises")

    def run(self, signature: str, inputs: Mapping[str, np.ndarray], deadline: Deadline) -> RpcSteps[Outputs]:
        """Run a signature on arrays as they are.

        Raises:
            ClientError: for arrays without rows, and what the server refuses.
        """
        return (yield from self._predict(signature, dict(inputs), None, deadline))

    def predict(self, request: Any, deadline: Deadline) -> RpcSteps[Any]:
        """Send a PredictRequest, this package's or TensorFlow Serving's own, as it is.

        Raises:
            ClientError: for a request without rows, and what the server refuses.
        """
        _check_rows(request)
        content = yield from self._caller.call(PREDICT, request, deadline)
        # TensorFlow Serving's own request is answered by its own response, which is in the same module.
        return _parse(sys.modules[type(request).__module__].PredictResponse, content)

    def status(self, deadline: Deadline) -> RpcSteps[dict[int, str]]:
        """Ask for the state of each version.

        Raises:
            ClientError: for what the server refuses.
        """
        request = protocol_pb2.GetModelStatusRequest(model_spec=self.target.spec())
        content = yield from self._caller.call(GET_STATUS, request, deadline)
        statuses = _parse(protocol_pb2.GetModelStatusResponse, content).model_version_status
        names = {value: name for name, value in protocol_pb2.ModelVersionStatus.State.items()}
        return {status.version: names.get(status.state, str(status.state)) for status in statuses}

    def is_healthy(self, deadline: Deadline) -> RpcSteps[bool]:
        """Ask the server's health service.

        Raises:
            ClientError: where the server does not answer, or has no such service.
        """
        from grpc_health.v1 import health_pb2

        content = yield from self._caller.call(CHECK_HEALTH, health_pb2.HealthCheckRequest(), deadline)
        response = _parse(health_pb2.HealthCheckResponse, content)
        return bool(response.status == health_pb2.HealthCheckResponse.SERVING)

    def _predict(self, signature: str, arrays: Arrays, version: int | None, deadline: Deadline) -> RpcSteps[Outputs]:
        request = protocol_pb2.PredictRequest(model_spec=self.target.spec(signature, version))
        fill_inputs(request, arrays)
        _check_rows(request)
        response = _parse(protocol_pb2.PredictResponse, (yield from self._caller.call(PREDICT, request, deadline)))
        outputs = {name: to_array(name, proto) for name, proto in sorted(response.outputs.items())}
        return Outputs(outputs, response.model_spec.version.value)

    def _describe(self, version: int, deadline: Deadline) -> RpcSteps[Description | None]:
        outputs = yield from self._predict(DESCRIBE, {"rows": np.zeros(1, np.int32)}, version or None, deadline)
        texts = outputs.arrays.get("description", np.zeros(0, object)).ravel()
        try:
            return Description.from_json(texts[0])
        except (IndexError, KeyError, TypeError, ValueError, AttributeError):
            name = self.target.name
            raise ClientError(f"{name} should describe itself as JSON of this project, received {texts!r}") from None

    def _check_features(self, operation: Operation[Any], metadata: Metadata) -> None:
        if not self._require_features:
            return
        if metadata.description is None:
            raise ClientError(
                f"`require_features` needs a model that says which features training always had; version "
                f"{metadata.version} of {self.target.name} does not"
            )
        missing = operation.missing_features(metadata)
        if missing:
            raise ClientError(f"the request lacks {', '.join(missing)}, which every training example had")

    def _packing_metadata(self, metadata: Metadata) -> Metadata:
        """Return `metadata` to pack requests by: without the described shapes, where requests should not be padded."""
        if self._padding or metadata.description is None:
            return metadata
        return metadata.with_description(replace(metadata.description, lengths={}, candidate_sizes=()))

    def _remember(self, metadata: Metadata) -> None:
        other_versions = {version: known for version, known in self._versions.items() if version != metadata.version}
        newest = sorted(other_versions)[-MAX_KNOWN_VERSIONS + 1 :]
        # One assignment, since several threads may use a client.
        self._versions = {version: other_versions[version] for version in newest} | {metadata.version: metadata}
        self._current = metadata


def _check_rows(request: Any) -> None:
    """Refuse a request without rows, which ends a TensorFlow Serving that fills up batches.

    Raises:
        ClientError: where the first axis of an input is empty.
    """
    for name, proto in sorted(request.inputs.items()):
        shape = [dimension.size for dimension in proto.tensor_shape.dim]
        if shape and not shape[0]:
            raise ClientError(f"`{name}` should have at least one row, received the shape {shape}")


def _parse(kind: Any, content: bytes) -> Any:
    try:
        message: Message = kind.FromString(content)
    except DecodeError:
        raise ClientError(f"the server should answer a {kind.DESCRIPTOR.name}, received other bytes") from None
    return message
