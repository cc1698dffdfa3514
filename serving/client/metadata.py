"""Metadata of a model: its signatures and its description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf.message import DecodeError

from interestflow.serving.client import protocol_pb2
from interestflow.serving.client.arrays import dtype_name
from interestflow.serving.client.client_error import ClientError
from interestflow.serving.description import DESCRIBE, Description

INIT_OPERATION = "__saved_model_init_op"
"""TensorFlow Serving lists it among the signatures, although no request can run it."""
SIGNATURES = "signature_def"
"""The only metadata field that servers know."""


@dataclass(frozen=True)
class TensorInfo:
    """Dtype and shape of an input or output of a signature.

    Attributes:
        dtype: TensorFlow's name, such as "float32" or "string".
        shape: sizes of the axes, None for an axis of any size; None where the number of axes is not known either.
    """

    dtype: str
    shape: tuple[int | None, ...] | None

    @property
    def rank(self) -> int | None:
        """Number of axes; None where it is not known."""
        return None if self.shape is None else len(self.shape)


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a signature by name."""

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]


@dataclass(frozen=True)
class Metadata:
    """Interface of one version of a model.

    Attributes:
        version: number of the version.
        signatures: signatures that requests can run, by name.
        description: output of the model's signature `describe`; None where it has none, and then requests are not
            padded.
    """

    version: int
    signatures: Mapping[str, Signature]
    description: Description | None = None

    @classmethod
    def from_response(cls, response: protocol_pb2.GetModelMetadataResponse) -> Metadata:
        """Parse the response of a server.

        Raises:
            ClientError: for a response without signatures.
        """
        content = response.metadata[SIGNATURES].value
        try:
            signatures = protocol_pb2.SignatureDefMap.FromString(content)
        except DecodeError:
            raise ClientError("the server's metadata should hold signatures, received bytes of another kind") from None
        return cls.from_signatures(response.model_spec.version.value, signatures.signature_def)

    @classmethod
    def from_signatures(
        cls, version: int, signature_defs: Mapping[str, Any], description: Description | None = None
    ) -> Metadata:
        """Build the metadata of a model from its signatures.

        Args:
            version: number of the version.
            signature_defs: SignatureDef by name, TensorFlow's or this package's.
            description: description of the model.
        """
        signatures = {
            name: Signature(_tensor_infos(definition.inputs), _tensor_infos(definition.outputs))
            for name, definition in sorted(signature_defs.items())
            if name != INIT_OPERATION
        }
        return cls(version, signatures, description)

    def signature(self, name: str) -> Signature:
        """Return the signature `name`.

        Raises:
            ClientError: where the model has none.
        """
        if name not in self.signatures:
            raise ClientError(f"the model has no signature {name!r}; it has {', '.join(sorted(self.signatures))}")
        return self.signatures[name]

    def candidate_inputs(self) -> frozenset[str]:
        """Return the inputs of `rank` that describe candidates: they have one axis more there than in `predict`.

        Raises:
            ClientError: where the model lacks one of both signatures.
        """
        by_row, by_user = self.signature("predict").inputs, self.signature("rank").inputs
        return frozenset(
            name
            for name, tensor in by_user.items()
            if name in by_row and tensor.rank is not None and tensor.rank - 1 == by_row[name].rank
        )

    @property
    def has_description(self) -> bool:
        """Whether the model has the signature `describe` in the form that this project exports."""
        signature = self.signatures.get(DESCRIBE)
        return signature is not None and (
            {name: tensor.dtype for name, tensor in signature.inputs.items()} == {"rows": "int32"}
            and {name: tensor.dtype for name, tensor in signature.outputs.items()} == {"description": "string"}
        )

    def with_description(self, description: Description | None) -> Metadata:
        """Return the same metadata with a description."""
        return replace(self, description=description)

    def has_same_interface(self, other: Metadata) -> bool:
        """Return whether a request that was packed for this version is the same for another one."""
        return replace(self, version=other.version) == other


def _tensor_infos(infos: Mapping[str, Any]) -> dict[str, TensorInfo]:
    return {
        name: TensorInfo(
            dtype_name(info.dtype),
            None
            if info.tensor_shape.unknown_rank
            else tuple(None if dimension.size < 0 else dimension.size for dimension in info.tensor_shape.dim),
        )
        for name, info in sorted(infos.items())
    }
