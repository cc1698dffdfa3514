"""One loaded version of a model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from serving.server.errors import ServingError, invalid
from serving.server.tensors import decoded

SERVE_TAG = "serve"
INIT_SIGNATURE = "__saved_model_init_op"


class LoadError(Exception):
    """A version that cannot be loaded; the message says why."""


class Servable:
    """The SavedModel in `folder`, with what its signatures take and give.

    Args:
        name: of the model.
        version: its number.
        folder: of the version.

    Raises:
        LoadError: where the folder holds no model that can be loaded, whatever is wrong with it.
    """

    def __init__(self, name: str, version: int, folder: str) -> None:
        self.name = name
        self.version = version
        self.folder = folder
        try:
            saved = saved_model_pb2.SavedModel.FromString((Path(folder) / "saved_model.pb").read_bytes())
            graphs = [graph for graph in saved.meta_graphs if SERVE_TAG in graph.meta_info_def.tags]
            if not graphs:
                raise LoadError(f"{folder} has no graph with the tag {SERVE_TAG!r}")
            self.signatures = {
                key: signature for key, signature in graphs[0].signature_def.items() if key != INIT_SIGNATURE
            }
            self._model = tf.saved_model.load(folder, tags=[SERVE_TAG])
            self._functions = {key: self._model.signatures[key] for key in self.signatures}
        except LoadError:
            raise
        except Exception as error:  # a folder may be broken in any way, and none of them may end the server
            raise LoadError(f"{folder} cannot be loaded: {_first_line(error)}") from error
        self._arguments = {
            key: {name: tf.as_dtype(info.dtype) for name, info in signature.inputs.items()}
            for key, signature in self.signatures.items()
        }

    def close(self) -> None:
        """Free what the model holds; nothing runs in it any longer."""
        self._functions = {}
        self._model = None

    def signature(self, key: str) -> Any:
        """The signature `key`, or `serving_default` for "".

        Raises:
            ServingError: INVALID_ARGUMENT where there is none.
        """
        key = key or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
        if key not in self.signatures:
            known = ", ".join(sorted(self.signatures))
            raise invalid(f"Serving signature key {key!r} not found; the model has {known}")
        return self.signatures[key]

    def inputs(self, key: str, protos: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The tensors of a request for the signature `key`, checked.

        Raises:
            ServingError: INVALID_ARGUMENT, naming the tensor.
        """
        expected = self.signature(key).inputs
        if protos.keys() != expected.keys():
            missing, unknown = sorted(expected.keys() - protos.keys()), sorted(protos.keys() - expected.keys())
            wrong = [f"missing {', '.join(missing)}"] if missing else []
            wrong += [f"unknown {', '.join(unknown)}"] if unknown else []
            raise invalid(f"the inputs should be {', '.join(sorted(expected)) or 'none'}, received {'; '.join(wrong)}")
        return {name: decoded(name, protos[name], info) for name, info in expected.items()}

    def outputs(self, key: str, wanted: Collection[str]) -> list[str]:
        """Names of the outputs to give: those that are wanted, or all.

        Raises:
            ServingError: INVALID_ARGUMENT for one that the signature does not have.
        """
        there = self.signature(key).outputs
        unknown = sorted(set(wanted) - there.keys())
        if unknown:
            raise invalid(f"`output_filter` has {', '.join(unknown)}; the outputs are {', '.join(sorted(there))}")
        return sorted(set(wanted) or there.keys())

    def run(self, key: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """All outputs of the signature `key`.

        Raises:
            ServingError: with the status of TensorFlow's own error.
        """
        key = key or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
        arguments = {
            name: tf.constant(value, self._arguments[key][name], shape=value.shape) for name, value in inputs.items()
        }
        try:
            outputs = self._functions[key](**arguments)
            return {name: value.numpy() for name, value in outputs.items()}
        except tf.errors.OpError as error:
            code = _CODES.get(error.error_code, grpc.StatusCode.INTERNAL)
            raise ServingError(code, _first_line(error)) from error


_NOISE = ("Graph execution error", "Detected at node", "<stack traces unavailable>", "Stack trace for op")
_CODES = {code.value[0]: code for code in grpc.StatusCode}


def _first_line(error: Exception) -> str:
    text = error.message if isinstance(error, tf.errors.OpError) else str(error)
    lines = [line.strip() for line in (text or type(error).__name__).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(_NOISE)] or lines
    return told[0]
