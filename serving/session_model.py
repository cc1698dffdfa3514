"""Loading of exported models through a session, as TensorFlow Serving does.

TensorFlow Serving imports the graph of a SavedModel into a session, runs its restore operation, its initialisation
operation, and then the tensors that a signature names. `tf.saved_model.load` follows the tracked Python objects instead
and forgives what TensorFlow Serving does not, such as a variable that is saved twice. So this is the only way by which
the project loads what it has exported.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2, saved_model_pb2

SERVE_TAG = "serve"
INIT_SIGNATURE = "__saved_model_init_op"
SAVED_MODEL = "saved_model.pb"
VARIABLES = "variables/variables"


class ModelLoadError(Exception):
    """A folder whose model cannot be loaded; the message says why in one sentence.

    Attributes:
        code: status code of gRPC, which TensorFlow shares, such as 5 for NOT_FOUND.
    """

    def __init__(self, message: str, code: int) -> None:
        """Store the message and the code."""
        super().__init__(message)
        self.code = code


class MissingSavedModelError(ModelLoadError):
    """A folder without a `saved_model.pb`."""


class InvalidSavedModelError(ModelLoadError):
    """A `saved_model.pb` whose bytes cannot be parsed."""


class SessionModel:
    """A SavedModel in a graph and a session of its own. Safe to use from several threads.

    Example:
        model = SessionModel("runs/demo/serving/demo/1732500000")
        model.run("predict", {"item": np.array([b"i12"], object), ...})["click"]  # float32 [1]

    Args:
        folder: folder of the SavedModel, on any file system that TensorFlow reads.
        tags: tags of the graph to load.

    Attributes:
        folder: folder as given.
        signatures: SignatureDef of all signatures by key.

    Raises:
        ModelLoadError: where there is no such model, or its restore or initialisation operation fails.
    """

    def __init__(self, folder: str | Path, tags: Collection[str] = (SERVE_TAG,)) -> None:
        """Import the graph, restore the variables and run the initialisation."""
        self.folder = str(folder)
        meta_graph = read_meta_graph(self.folder, tags)
        self.signatures = dict(meta_graph.signature_def)
        graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=graph)
        try:
            with graph.as_default():
                tf.compat.v1.train.import_meta_graph(meta_graph)
            self._restore(meta_graph)
            self._initialize(meta_graph)
        except (tf.errors.OpError, ValueError, TypeError, KeyError) as error:
            self._session.close()
            raise ModelLoadError(f"{self.folder} cannot be loaded: {first_line(error)}", _code(error)) from error
        self._lock = threading.Lock()
        self._callables: dict[tuple[str, tuple[str, ...]], tuple[list[str], Callable[..., list[np.ndarray]]]] = {}

    def run(
        self, signature: str, inputs: Mapping[str, Any], outputs: Collection[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Run a signature.

        Args:
            signature: its key.
            inputs: an array for each of its inputs by name; text as bytes in arrays of objects.
            outputs: names of the outputs to compute; all where None.

        Returns:
            Arrays by name of the output.

        Raises:
            KeyError: for a signature, input or output that does not exist.
            tf.errors.OpError: where the graph fails, such as `InvalidArgumentError` for values that it refuses.
        """
        wanted = tuple(sorted(self.signatures[signature].outputs) if outputs is None else outputs)
        names, call = self._callables.get((signature, wanted)) or self._make_callable(signature, wanted)
        values = call(*(inputs[name] for name in names))
        return {name: _as_array(value) for name, value in zip(wanted, values, strict=True)}

    def close(self) -> None:
        """Free the session and its resources; running calls end first."""
        self._session.close()

    def _make_callable(
        self, signature: str, wanted: tuple[str, ...]
    ) -> tuple[list[str], Callable[..., list[np.ndarray]]]:
        definition = self.signatures[signature]
        names = sorted(definition.inputs)
        fetches = [definition.outputs[name].name for name in wanted]
        feeds = [definition.inputs[name].name for name in names]
        # `Session.make_callable` goes through `Session.run` where there are feeds: it looks at the fetches again in
        # each call, and refuses shapes that TensorFlow Serving leaves to the graph.
        options = config_pb2.CallableOptions(feed=feeds, fetch=fetches)
        with self._lock:
            call = self._session._make_callable_from_options(options)
            self._callables[signature, wanted] = names, call
        return names, call

    def _restore(self, meta_graph: meta_graph_pb2.MetaGraphDef) -> None:
        saver = meta_graph.saver_def
        # As in TensorFlow Serving, a model whose variables are missing is loaded, and fails at its first request.
        if not saver.restore_op_name or not tf.io.gfile.exists(f"{self.folder}/{VARIABLES}.index"):
            return
        self._session.run(
            self._session.graph.get_operation_by_name(saver.restore_op_name),
            {saver.filename_tensor_name: f"{self.folder}/{VARIABLES}"} | self._asset_feeds(meta_graph),
        )

    def _initialize(self, meta_graph: meta_graph_pb2.MetaGraphDef) -> None:
        operation = _init_operation(meta_graph)
        if operation is not None:
            self._session.run(self._session.graph.get_operation_by_name(operation), self._asset_feeds(meta_graph))

    def _asset_feeds(self, meta_graph: meta_graph_pb2.MetaGraphDef) -> dict[str, str]:
        """Return the path of each asset file by the tensor that is fed with it."""
        return {asset.tensor_info.name: f"{self.folder}/assets/{asset.filename}" for asset in meta_graph.asset_file_def}


def read_meta_graph(folder: str, tags: Collection[str] = (SERVE_TAG,)) -> meta_graph_pb2.MetaGraphDef:
    """Return the graph with exactly these tags, read from `saved_model.pb` without loading it.

    Raises:
        ModelLoadError: where there is no such file or graph.
    """
    path = f"{folder}/{SAVED_MODEL}"
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            saved = saved_model_pb2.SavedModel.FromString(file.read())
    except tf.errors.NotFoundError as error:
        raise MissingSavedModelError(f"{folder} has no {SAVED_MODEL}", error.error_code) from None
    except DecodeError:
        message = f"{path} is no SavedModel: its bytes cannot be parsed"
        raise InvalidSavedModelError(message, tf.errors.DATA_LOSS) from None
    except tf.errors.OpError as error:
        raise ModelLoadError(f"{path} cannot be read: {first_line(error)}", error.error_code) from None
    for meta_graph in saved.meta_graphs:
        if set(meta_graph.meta_info_def.tags) == set(tags):
            return meta_graph
    raise ModelLoadError(f"{folder} has no graph with the tags {', '.join(sorted(tags))}", tf.errors.NOT_FOUND)


def _init_operation(meta_graph: meta_graph_pb2.MetaGraphDef) -> str | None:
    if INIT_SIGNATURE in meta_graph.signature_def:
        name: str = meta_graph.signature_def[INIT_SIGNATURE].outputs[INIT_SIGNATURE].name
        return name
    for key in ("saved_model_main_op", "legacy_init_op"):  # as TensorFlow 1 wrote it
        names = meta_graph.collection_def[key].node_list.value if key in meta_graph.collection_def else ()
        if names:
            return str(names[0])
    return None


def _as_array(value: Any) -> np.ndarray:
    # The session returns a single string as bytes.
    return np.asarray(value, object if isinstance(value, bytes) else None)


def _code(error: Exception) -> int:
    return int(error.error_code) if isinstance(error, tf.errors.OpError) else int(tf.errors.INVALID_ARGUMENT)


def first_line(error: Exception) -> str:
    """Return the sentence of an error of TensorFlow that says what is wrong, without the stack that follows."""
    text = error.message if isinstance(error, tf.errors.OpError) else str(error)
    lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
