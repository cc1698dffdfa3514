"""One loaded version of a model."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from interestflow.serving.server.errors import ServingError, graph_error, invalid
from interestflow.serving.server.input_info import read_input_info
from interestflow.serving.server.limits import RequestLimits
from interestflow.serving.server.missing_features import FeatureCheck
from interestflow.serving.server.signature_inputs import SignatureInputs
from interestflow.serving.session_model import SessionModel

DEFAULT_SIGNATURE = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
MAX_FILTERS = 64
"""Most sets of outputs that are computed alone: the session keeps an executor for each, and clients may name any."""


class Servable:
    """The SavedModel in `folder`, loaded as TensorFlow Serving loads it. Safe to use from several threads.

    Args:
        name: name of the model.
        version: number of the version.
        folder: folder of the version.
        limits: limits of its requests.

    Attributes:
        limits: limits of its requests.
        signatures: SignatureDef by key, with that of the initialisation operation, as TensorFlow Serving has them.

    Raises:
        ModelLoadError: for a folder without a model that can be loaded.
    """

    def __init__(self, name: str, version: int, folder: str, limits: RequestLimits | None = None) -> None:
        """Load the model and read which inputs it describes."""
        self.name = name
        self.version = version
        self.folder = folder
        self.limits = limits or RequestLimits()
        self._model = SessionModel(folder)
        self.signatures = self._model.signatures
        info = read_input_info(folder)
        self._inputs = {key: SignatureInputs(signature, info.lists) for key, signature in self.signatures.items()}
        self._features = {key: FeatureCheck(signature, info.always_given) for key, signature in self.signatures.items()}
        self._filters: set[tuple[str, ...]] = set()
        self._closed = False

    def close(self) -> None:
        """Free the session. Later requests are answered UNAVAILABLE."""
        self._closed = True
        self._model.close()

    def signature(self, key: str) -> meta_graph_pb2.SignatureDef:
        """Return the signature `key`, or `serving_default` for "".

        Raises:
            ServingError: FAILED_PRECONDITION where there is none.
        """
        key = key or DEFAULT_SIGNATURE
        if key not in self.signatures:
            raise ServingError(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{key}" not found.')
        return self.signatures[key]

    def inputs(self, key: str, protos: Mapping[str, tensor_pb2.TensorProto]) -> dict[str, np.ndarray]:
        """Return the arrays of a request for the signature `key`.

        Raises:
            ServingError: FAILED_PRECONDITION for an unknown signature, INVALID_ARGUMENT for other inputs, other dtypes,
                malformed tensors, and tensors beyond the limits.
        """
        self.signature(key)
        return self._inputs[key or DEFAULT_SIGNATURE].decode(protos, self.limits)

    def outputs(self, key: str, wanted: Collection[str] = ()) -> list[str]:
        """Return the names of the outputs to compute: those in `wanted`, or all.

        Raises:
            ServingError: INVALID_ARGUMENT for one that the signature does not have, and for one that is named twice;
                OUT_OF_RANGE for a signature whose outputs are no tensors.
        """
        outputs = self.signature(key).outputs
        seen: set[str] = set()
        for name in wanted:
            if name not in outputs:
                expected = ",".join(sorted(outputs))
                raise invalid(
                    f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                    f"{{{expected}}}."
                )
            if name in seen:
                raise invalid(f"duplicate output tensor alias: {name}")
            seen.add(name)
        names = sorted(wanted or outputs)
        for name in names:
            if outputs[name].dtype == types_pb2.DT_INVALID:
                raise ServingError(
                    grpc.StatusCode.OUT_OF_RANGE, f"`{name}` of signature `{key}` is an operation without an output"
                )
        return names

    def feed_name(self, key: str, name: str) -> str:
        """Return the name that an input has in the graph."""
        return self._inputs[key or DEFAULT_SIGNATURE].specs[name].feed

    def missing_features(self, key: str, inputs: Mapping[str, np.ndarray]) -> list[str]:
        """Return the features that training always had and that at least one row of `inputs` lacks."""
        return self._features[key or DEFAULT_SIGNATURE].missing(inputs)

    def run(
        self, key: str, inputs: Mapping[str, np.ndarray], outputs: Collection[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Return the outputs with the names `outputs`, or all, of the signature `key`.

        Raises:
            ServingError: with the status of TensorFlow's own error; UNAVAILABLE once it is closed.
        """
        key = key or DEFAULT_SIGNATURE
        names = self.outputs(key) if outputs is None else tuple(outputs)
        try:
            return self._model.run(key, inputs, self._computed(key, tuple(names)))
        except (tf.errors.OpError, UnicodeDecodeError) as error:
            if self._closed:
                message = f"Servable is unloaded: version {self.version} of {self.name}"
                raise ServingError(grpc.StatusCode.UNAVAILABLE, message) from error
            raise graph_error(error) from error

    def _computed(self, key: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the outputs to compute for `names`: just these, or all once too many sets were requested."""
        if (key, *names) not in self._filters:
            if len(self._filters) >= MAX_FILTERS:
                return tuple(self.outputs(key))
            self._filters.add((key, *names))
        return names
