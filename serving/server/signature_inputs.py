"""Inputs of a signature: the specs that requests should follow, and the arrays that they send."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from interestflow.serving.server.errors import invalid
from interestflow.serving.server.limits import RequestLimits, expanded_bytes
from interestflow.serving.server.tensors import check_dtype, decode, shape_of

MAX_NAMES = 100
"""Most unknown names that an error repeats; a request can have any number."""


@dataclass(frozen=True)
class InputSpec:
    """One input of a signature.

    Attributes:
        dtype: number of its dtype.
        feed: name of the tensor in the graph.
        sizes: axes of the signature, -1 where it leaves the size open. Requests need not have as many axes: as in
            TensorFlow Serving, the graph says what it takes.
        has_candidates: whether the second axis, where there is one, is that of the candidates.
        default: value where a request does not send the input; None where it has to.
    """

    dtype: int
    feed: str
    sizes: tuple[int, ...]
    has_candidates: bool = False
    default: np.ndarray | None = None


class SignatureInputs:
    """The inputs of one signature.

    Args:
        signature: SignatureDef.
        lists: names of inputs whose second axis is no axis of candidates; None where the model does not describe its
            inputs, so that nothing is known of candidates.
    """

    def __init__(self, signature: meta_graph_pb2.SignatureDef, lists: Collection[str] | None = None) -> None:
        """Read the spec of each input."""
        self.specs = {
            name: InputSpec(
                info.dtype,
                info.name,
                tuple(dim.size for dim in info.tensor_shape.dim),
                lists is not None and name not in lists,
                _default(name, signature),
            )
            for name, info in sorted(signature.inputs.items())
        }
        self._names = self.specs.keys()
        self._required = {name for name, spec in self.specs.items() if spec.default is None}

    def decode(self, protos: Mapping[str, tensor_pb2.TensorProto], limits: RequestLimits) -> dict[str, np.ndarray]:
        """Return the arrays of a request by input.

        Raises:
            ServingError: INVALID_ARGUMENT for missing or unknown inputs, and for a tensor that has another dtype, is
                malformed, or exceeds the limits.
        """
        sent = {name: protos[name] for name in self.specs if name in protos}
        if len(sent) < len(protos) or not self._required <= sent.keys():
            raise self._mismatch(protos.keys())
        shapes = {}
        expanded = 0
        for name, proto in sent.items():
            spec = self.specs[name]
            check_dtype(name, proto, spec.dtype)
            shapes[name] = shape_of(name, proto)
            limits.check_shape(name, shapes[name], spec.sizes, spec.has_candidates)
            expanded += expanded_bytes(proto, shapes[name])
            limits.check_bytes(name, expanded)
        arrays = {name: decode(name, proto, shapes[name]) for name, proto in sent.items()}
        for name, array in arrays.items():
            if self.specs[name].dtype == types_pb2.DT_STRING:
                limits.check_examples(name, array)
        if len(sent) < len(self.specs):
            arrays |= {name: spec.default for name, spec in self.specs.items() if name not in sent}
        return arrays

    def _mismatch(self, received: Collection[str]) -> Exception:
        """Return the error for a request with other inputs, in TensorFlow Serving's words."""
        extra = set(islice((name for name in received if name not in self._names), MAX_NAMES))
        names = {name for name in self._names if name in received} | extra
        return invalid(
            f"input size does not match signature: {len(received)}!={len(self.specs)} len({_braced(names)}) != "
            f"len({_braced(self._names)}). Sent extra: {_braced(extra)}. "
            f"Missing but required: {_braced(self._required - names)}."
        )


def _default(name: str, signature: meta_graph_pb2.SignatureDef) -> np.ndarray | None:
    if name not in signature.defaults:
        return None
    proto = signature.defaults[name]
    return decode(name, proto, shape_of(name, proto))


def _braced(names: Collection[str]) -> str:
    return f"{{{','.join(sorted(names))}}}"
