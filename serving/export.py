"""A trained ranker and the transform graph in one SavedModel, which TF Serving answers from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_transform.output_wrapper import TFTransformOutput
from tensorflow_transform.saved import saved_transform_io_v2

from models.inputs import ModelInputs
from serving.load import PROVENANCE
from serving.raw_inputs import from_named_tensors, parsing_spec, raw_inputs

PYTHON_OPERATIONS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


class ExportError(Exception):
    """A model that cannot be served; the message says why."""


class ServedRanker(tf.Module):
    """From raw features to probabilities by task: the transform graph, then the ranker.

    Args:
        ranker: built; `(features by name, training) -> logits [B] by task`.
        transform_output: of the transform that made the features it was trained on.
        raw_spec: parsing specification of the raw features to ask with, labels not among them.
        inputs: what the ranker is given.
    """

    def __init__(
        self,
        ranker: keras.Model,
        transform_output: TFTransformOutput,
        raw_spec: Mapping[str, Any],
        inputs: ModelInputs,
    ) -> None:
        super().__init__(name="served_ranker")
        self.ranker = ranker
        self._inputs = inputs
        self._raw_inputs = raw_inputs(raw_spec)
        self._transform = saved_transform_io_v2.SavedModelLoader(transform_output.transform_savedmodel_dir)
        self._tracked = self._transform.__dict__  # its vocabulary tables are saved only where a module holds them

    def probabilities(self, raw: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """Raw features as parsed, to float32 `[N]` by task."""
        transformed = self._transform.apply_transform_model(raw)
        features = {
            name: tf.ensure_shape(transformed[name], [None, *shape])
            for name, (shape, _) in self._inputs.tensors().items()
        }
        logits = self.ranker(features, training=False)
        return {task: tf.sigmoid(tf.cast(logits[task], tf.float32)) for task in self._inputs.tasks}

    def score_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized tf.Example `[N]` to probabilities `[N]` by task; features that it does not know are ignored."""
        return self.probabilities(tf.io.parse_example(examples, parsing_spec(self._raw_inputs)))

    def score_tensors(self, **tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        """Raw features as named tensors to probabilities `[N]` by task; `RawInput` says their shapes."""
        return self.probabilities(from_named_tensors(self._raw_inputs, tensors))

    def signatures(self) -> dict[str, Any]:
        serialized = tf.TensorSpec([None], tf.string, name="examples")
        named = {raw.name: raw.tensor_spec for raw in self._raw_inputs}
        # Neither is converted by autograph: Keras 3 switches it off inside its models anyway.
        return {
            "serving_default": tf.function(self.score_examples, autograph=False).get_concrete_function(serialized),
            "predict": tf.function(self.score_tensors, autograph=False).get_concrete_function(**named),
        }


def export(
    ranker: keras.Model,
    transform_output: TFTransformOutput,
    raw_spec: Mapping[str, Any],
    inputs: ModelInputs,
    folder: str,
    provenance: Mapping[str, Any],
) -> None:
    """Writes a SavedModel into `folder` with two signatures that give the same float32 `[N]` by task.

    `serving_default` takes `examples`, string `[N]`: serialized tf.Example with raw features. `predict` takes each raw
    feature by name: `[N]`, or `[N, L]` for lists, with padding that `from_named_tensors` describes.

    Args:
        ranker: see `ServedRanker`, as are the next three.
        transform_output: see there.
        raw_spec: see there.
        inputs: see there.
        folder: local or on any file system that TensorFlow writes to.
        provenance: where the model comes from; kept as JSON beside it, with a description of its inputs.

    Raises:
        ExportError: where the graph needs Python, which no server has.
    """
    module = ServedRanker(ranker, transform_output, raw_spec, inputs)
    tf.saved_model.save(module, folder, signatures=module.signatures())
    python = PYTHON_OPERATIONS & operations(folder)
    if python:
        raise ExportError(f"the model in {folder} cannot be served: its graph has {', '.join(sorted(python))}")
    content = {
        **provenance,
        "tasks": list(inputs.tasks),
        "inputs": json.loads(inputs.to_json()),
        "raw_inputs": [raw.as_json() for raw in raw_inputs(raw_spec)],
    }
    path = tf.io.gfile.join(folder, PROVENANCE)
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


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
