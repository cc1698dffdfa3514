"""Load and run a SavedModel with TensorFlow's C++ `LoadSavedModel`, which is what TensorFlow Serving calls.

No Python of TensorFlow takes part: `TF_LoadSessionFromSavedModel` of the C API, in the library that the wheel brings,
reads the folder, restores the variables and runs the initialisation. Whether a model loads here says more of
TensorFlow Serving than any loader in Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

STRING_BYTES = 24
"""Size of TensorFlow's `TF_TString`."""
Pointer = ctypes.c_void_p


class Buffer(ctypes.Structure):
    _fields_ = (("data", Pointer), ("length", ctypes.c_size_t), ("deallocator", Pointer))


class Output(ctypes.Structure):
    _fields_ = (("operation", Pointer), ("index", ctypes.c_int))


Sizes, Outputs, Pointers = ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(Output), ctypes.POINTER(Pointer)
# Return type and argument types of each function of the C API.
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "TF_NewStatus": (Pointer,),
    "TF_GetCode": (ctypes.c_int, Pointer),
    "TF_Message": (ctypes.c_char_p, Pointer),
    "TF_NewSessionOptions": (Pointer,),
    "TF_NewGraph": (Pointer,),
    "TF_NewBuffer": (ctypes.POINTER(Buffer),),
    "TF_LoadSessionFromSavedModel": (
        Pointer, Pointer, Pointer, ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, Pointer,
        ctypes.POINTER(Buffer), Pointer,
    ),
    "TF_GraphOperationByName": (Pointer, Pointer, ctypes.c_char_p),
    "TF_AllocateTensor": (Pointer, ctypes.c_int, Sizes, ctypes.c_int, ctypes.c_size_t),
    "TF_TensorData": (Pointer, Pointer),
    "TF_TensorType": (ctypes.c_int, Pointer),
    "TF_NumDims": (ctypes.c_int, Pointer),
    "TF_Dim": (ctypes.c_int64, Pointer, ctypes.c_int),
    "TF_TensorByteSize": (ctypes.c_size_t, Pointer),
    "TF_StringInit": (None, Pointer),
    "TF_StringCopy": (None, Pointer, ctypes.c_char_p, ctypes.c_size_t),
    "TF_StringGetSize": (ctypes.c_size_t, Pointer),
    "TF_StringGetDataPointer": (Pointer, Pointer),
    "TF_SessionRun": (
        None, Pointer, Pointer, Outputs, Pointers, ctypes.c_int, Outputs, Pointers, ctypes.c_int, Pointers,
        ctypes.c_int, Pointer, Pointer,
    ),
}  # fmt: skip


def _library() -> Any:
    (path,) = list(Path(tf.sysconfig.get_lib()).glob("libtensorflow_cc.*"))[:1]
    library = ctypes.CDLL(str(path))
    for name, (result, *arguments) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class CppSession:
    """A loaded SavedModel; it stays loaded as long as the process lives.

    Args:
        folder: of the SavedModel.

    Attributes:
        signatures: SignatureDef by key.

    Raises:
        RuntimeError: with TensorFlow's message, where it cannot be loaded.
    """

    def __init__(self, folder: Path) -> None:
        self._api = _library()
        self._graph = self._api.TF_NewGraph()
        meta_graph, status = self._api.TF_NewBuffer(), self._api.TF_NewStatus()
        tags = (ctypes.c_char_p * 1)(b"serve")
        self._session = self._api.TF_LoadSessionFromSavedModel(
            self._api.TF_NewSessionOptions(), None, str(folder).encode(), tags, 1, self._graph, meta_graph, status
        )
        self._check(status)
        content = ctypes.string_at(meta_graph.contents.data, meta_graph.contents.length)
        self.signatures = dict(meta_graph_pb2.MetaGraphDef.FromString(content).signature_def)

    def run(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return all outputs of a signature.

        Raises:
            RuntimeError: with TensorFlow's message, where the graph fails.
        """
        definition = self.signatures[signature]
        feeds, fetches = sorted(definition.inputs), sorted(definition.outputs)
        values = (Pointer * len(feeds))(*(self._to_tensor(inputs[name]) for name in feeds))
        answers, status = (Pointer * len(fetches))(), self._api.TF_NewStatus()
        self._api.TF_SessionRun(
            self._session, None,
            self._outputs([definition.inputs[name].name for name in feeds]), values, len(feeds),
            self._outputs([definition.outputs[name].name for name in fetches]), answers, len(fetches),
            None, 0, None, status,
        )  # fmt: skip
        self._check(status)
        return {name: self._to_array(tensor) for name, tensor in zip(fetches, answers, strict=True)}

    def _check(self, status: int) -> None:
        if self._api.TF_GetCode(status):
            raise RuntimeError(self._api.TF_Message(status).decode())

    def _outputs(self, names: list[str]) -> Any:
        parts = [name.partition(":") for name in names]
        return (Output * len(names))(
            *(Output(self._api.TF_GraphOperationByName(self._graph, name.encode()), int(index or 0))
              for name, _, index in parts)
        )  # fmt: skip

    def _to_tensor(self, array: np.ndarray) -> int:
        sizes = (ctypes.c_int64 * max(array.ndim, 1))(*array.shape)
        is_text = array.dtype.kind == "O"
        dtype = types_pb2.DT_STRING if is_text else tf.as_dtype(array.dtype).as_datatype_enum
        count = array.size * STRING_BYTES if is_text else array.nbytes
        tensor: int = self._api.TF_AllocateTensor(dtype, sizes, array.ndim, count)
        start = self._api.TF_TensorData(tensor)
        if not is_text:
            ctypes.memmove(start, np.ascontiguousarray(array).ctypes.data, count)
            return tensor
        for position, text in enumerate(array.ravel().tolist()):
            offset = start + position * STRING_BYTES
            self._api.TF_StringInit(offset)
            self._api.TF_StringCopy(offset, text, len(text))
        return tensor

    def _to_array(self, tensor: int) -> np.ndarray:
        shape = tuple(self._api.TF_Dim(tensor, axis) for axis in range(self._api.TF_NumDims(tensor)))
        start, dtype = self._api.TF_TensorData(tensor), self._api.TF_TensorType(tensor)
        if dtype != types_pb2.DT_STRING:
            content = ctypes.string_at(start, self._api.TF_TensorByteSize(tensor))
            return np.frombuffer(content, tf.as_dtype(dtype).as_numpy_dtype).reshape(shape)
        texts = np.empty(int(np.prod(shape)), object)
        for position in range(len(texts)):
            offset = start + position * STRING_BYTES
            size = self._api.TF_StringGetSize(offset)
            texts[position] = ctypes.string_at(self._api.TF_StringGetDataPointer(offset), size)
        return texts.reshape(shape)
