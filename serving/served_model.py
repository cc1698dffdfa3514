"""What every exported model holds beside the model itself: the transform graph, and what it is asked with."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_transform.output_wrapper import TFTransformOutput
from tensorflow_transform.saved import saved_transform_io_v2

from models.inputs import ModelInputs
from serving.load import PROVENANCE
from serving.raw_inputs import RawInput, raw_inputs

PYTHON_OPERATIONS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


class ExportError(Exception):
    """A model that cannot be served; the message says why."""


class ServedModel(tf.Module):
    """A model behind the transform that made the features it was trained on.

    Args:
        transform_output: of that transform.
        raw_spec: parsing specification of the raw features to ask with, labels not among them.
        inputs: what the model is given.
        name: of the module.
    """

    def __init__(
        self, transform_output: TFTransformOutput, raw_spec: Mapping[str, Any], inputs: ModelInputs, name: str
    ) -> None:
        super().__init__(name=name)
        self._inputs = inputs
        self._raw_inputs = raw_inputs(raw_spec, inputs.candidate_tensors)
        self._transform = saved_transform_io_v2.SavedModelLoader(transform_output.transform_savedmodel_dir)
        self._tracked = self._transform.__dict__  # its vocabulary tables are saved only where a module holds them

    def signatures(self) -> dict[str, Any]:
        """Concrete functions by name."""
        raise NotImplementedError

    def save(self, folder: str, provenance: Mapping[str, Any], tasks: Collection[str]) -> None:
        """Writes the SavedModel into `folder`, and beside it where it comes from and what it is asked with.

        Raises:
            ExportError: where the graph needs Python, which no server has.
        """
        tf.saved_model.save(self, folder, signatures=self.signatures())
        python = PYTHON_OPERATIONS & operations(folder)
        if python:
            raise ExportError(f"the model in {folder} cannot be served: its graph has {', '.join(sorted(python))}")
        content = {
            **provenance,
            "tasks": list(tasks),
            "inputs": json.loads(self._inputs.to_json()),
            "raw_inputs": [raw.as_json() for raw in self._raw_inputs],
        }
        path = tf.io.gfile.join(folder, PROVENANCE)
        tf.io.gfile.makedirs(path.rpartition("/")[0])
        with tf.io.gfile.GFile(path, "w") as file:
            file.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    def _of_side(self, side: str) -> tuple[RawInput, ...]:
        return tuple(raw for raw in self._raw_inputs if raw.side == side)

    def _transformed(self, raw: Mapping[str, Any], names: Collection[str]) -> dict[str, tf.Tensor]:
        """The model's tensors `names`.

        The transform that a model was trained with never gives an id beyond its table. Where a file of another has come
        to be in its place, such an id becomes the last, which means unknown where there is a vocabulary.
        """
        transformed = self._transform.apply_transform_model(raw)
        shapes, rows = self._inputs.tensors(), self._inputs.rows()
        found = {name: tf.ensure_shape(transformed[name], [None, *shapes[name][0]]) for name in sorted(names)}
        return found | {name: _within(found[name], rows[name]) for name in sorted(rows.keys() & found.keys())}


def operations(folder: str) -> set[str]:
    """The names of all operations in the graph of the SavedModel in `folder`, its functions' included."""
    saved = saved_model_pb2.SavedModel()
    with tf.io.gfile.GFile(tf.io.gfile.join(folder, "saved_model.pb"), "rb") as file:
        saved.ParseFromString(file.read())
    found: set[str] = set()
    for meta_graph in saved.meta_graphs:
        graph = meta_graph.graph_def
        functions = {function.signature.name for function in graph.library.function}
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        found |= {node.op for node in nodes} - functions
    return found


def _within(ids: tf.Tensor, rows: int) -> tf.Tensor:
    """`ids`, with the last in place of those that are not from 0 to `rows - 1`."""
    return tf.where((ids >= 0) & (ids < rows), ids, rows - 1)
