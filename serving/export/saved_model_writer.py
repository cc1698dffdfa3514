"""Writing of SavedModels that TensorFlow Serving can restore: each variable once, its tables, nothing else.

Saving a module that tracks a Keras 3 model writes every variable twice, since Keras exports its own variables and the
module tracks the TensorFlow variables inside them. The restore operation then fills one copy and the signatures read
the other, so that a session cannot run them (keras#19274, tensorflow/serving#2250). What is saved here is therefore a
plain module of the objects that the signatures' graphs capture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import tensorflow as tf
from tensorflow.core.framework import graph_pb2, node_def_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.checkpoint.trackable_view import TrackableView

from interestflow.serving.session_model import SAVED_MODEL

ConcreteFunction: TypeAlias = "tf.types.experimental.ConcreteFunction"
PYTHON_OPERATIONS = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})


class ExportError(Exception):
    """A model that cannot be served; the message says why."""


def write_saved_model(signatures: Mapping[str, ConcreteFunction], tables_of: Any, folder: str) -> None:
    """Write `signatures` and the variables and tables that they read into `folder`.

    Args:
        signatures: concrete functions by key.
        tables_of: trackable object that refers to the lookup tables and their asset files.
        folder: local folder, empty or not there yet.

    Raises:
        ExportError: where a graph needs Python, which no server has.
    """
    module = tf.Module()
    module.variables_of_signatures = unique_variables(signatures)
    module.tables = _captured_tables(signatures, tables_of)
    module.assets = _captured_assets(module.tables, tables_of)
    tf.saved_model.save(module, folder, signatures=dict(signatures))
    saved = read_saved_model(folder)
    python = PYTHON_OPERATIONS & operation_names(saved)
    if python:
        raise ExportError(f"the model in {folder} cannot be served: its graph has {', '.join(sorted(python))}")
    _number_tables(saved)
    with tf.io.gfile.GFile(tf.io.gfile.join(folder, SAVED_MODEL), "wb") as file:
        file.write(saved.SerializeToString(deterministic=True))
    # TensorFlow's fingerprint belongs to the file as TensorFlow wrote it; servers need none.
    tf.io.gfile.remove(tf.io.gfile.join(folder, "fingerprint.pb"))


def read_saved_model(folder: str) -> saved_model_pb2.SavedModel:
    """Return the message in `saved_model.pb` of `folder`."""
    with tf.io.gfile.GFile(tf.io.gfile.join(folder, SAVED_MODEL), "rb") as file:
        return saved_model_pb2.SavedModel.FromString(file.read())


def operation_names(saved: saved_model_pb2.SavedModel) -> set[str]:
    """Return the names of all operations in the graphs of a SavedModel, those of its functions included."""
    names: set[str] = set()
    for meta_graph in saved.meta_graphs:
        functions = {function.signature.name for function in meta_graph.graph_def.library.function}
        names |= {node.op for node in _nodes(meta_graph.graph_def)} - functions
    return names


def _nodes(graph: graph_pb2.GraphDef) -> Iterable[node_def_pb2.NodeDef]:
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def unique_variables(signatures: Mapping[str, ConcreteFunction]) -> list[tf.Variable]:
    """Return each variable that the signatures read once, in order of appearance."""
    variables = (variable for function in signatures.values() for variable in function.graph.variables)
    return list({id(variable): variable for variable in variables}.values())


def _captured_tables(signatures: Mapping[str, ConcreteFunction], tables_of: Any) -> list[Any]:
    """Return the tables that a signature reads; TF Transform tracks each twice, and the copy would be loaded too."""
    captured = {id(tensor) for function in signatures.values() for tensor, _ in function.graph.captures}
    return [item for item in _trackables(tables_of) if id(getattr(item, "resource_handle", None)) in captured]


def _captured_assets(tables: Iterable[Any], tables_of: Any) -> list[Any]:
    """Return the asset files from which `tables` are initialised."""
    captured = set()
    for table in tables:
        for function in getattr(table._initialize, "concrete_functions", ()):  # only restored tables have them
            captured |= {id(tensor) for tensor, _ in function.graph.captures}
    return [item for item in _trackables(tables_of) if id(getattr(item, "asset_path", None)) in captured]


def _trackables(root: Any) -> list[Any]:
    """Return all objects that `root` refers to, directly or not."""
    holder = tf.Module()
    holder.root = root
    return list(TrackableView(holder).descendants())


def _number_tables(saved: saved_model_pb2.SavedModel) -> None:
    """Name tables by numbers: TensorFlow's names hold the path that the file of each table once had."""
    for meta_graph in saved.meta_graphs:
        names: dict[bytes, bytes] = {}
        for node in _nodes(meta_graph.graph_def):
            if "HashTable" in node.op and "shared_name" in node.attr:
                name = node.attr["shared_name"].s
                node.attr["shared_name"].s = names.setdefault(name, f"table_{len(names)}".encode())
