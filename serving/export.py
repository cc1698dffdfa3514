"""A trained ranker and the transform graph in one SavedModel, which TF Serving answers from."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_transform.output_wrapper import TFTransformOutput
from tensorflow_transform.saved import saved_transform_io_v2

from models.inputs import ModelInputs
from models.ranker import Ranker
from serving.load import PROVENANCE
from serving.raw_inputs import from_named_tensors, missing, parsing_spec, raw_inputs
from transforms.feature_names import HISTORY_ITEM, ITEM

PYTHON_OPERATIONS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


class ExportError(Exception):
    """A model that cannot be served; the message says why."""


class ServedRanker(tf.Module):
    """From raw features to probabilities by task: the transform graph, then the ranker.

    Args:
        ranker: built.
        transform_output: of the transform that made the features it was trained on.
        raw_spec: parsing specification of the raw features to ask with, labels not among them.
        inputs: what the ranker is given.
    """

    def __init__(
        self,
        ranker: Ranker,
        transform_output: TFTransformOutput,
        raw_spec: Mapping[str, Any],
        inputs: ModelInputs,
    ) -> None:
        super().__init__(name="served_ranker")
        self.ranker = ranker
        self._inputs = inputs
        self._raw_inputs = raw_inputs(raw_spec, inputs.candidate_tensors)
        self._transform = saved_transform_io_v2.SavedModelLoader(transform_output.transform_savedmodel_dir)
        self._tracked = self._transform.__dict__  # its vocabulary tables are saved only where a module holds them

    def probabilities(self, raw: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """Raw features as parsed, to float32 `[N]` by task."""
        logits = self.ranker(self._transformed(raw, self._inputs.tensors()), training=False)
        return {task: tf.sigmoid(tf.cast(logits[task], tf.float32)) for task in self._inputs.tasks}

    def score_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized tf.Example `[N]` to probabilities `[N]` by task; features that it does not know are ignored."""
        return self.probabilities(tf.io.parse_example(examples, parsing_spec(self._raw_inputs)))

    def score_tensors(self, **tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        """Raw features as named tensors to probabilities `[N]` by task; `RawInput` says their shapes."""
        return self.probabilities(from_named_tensors(self._raw_inputs, tensors))

    def rank_tensors(self, **tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        """Raw features of users `[U]` and of their candidates `[U, N]` to probabilities `[U, N]` by task.

        All that does not depend on the candidate, the transform of the history included, is computed once a user. A
        candidate without an item is padding and scores 0.
        """
        candidates = tuple(raw for raw in self._raw_inputs if raw.side == "candidate")
        beside = tuple(raw for raw in self._raw_inputs if raw.side == "user")
        count = tf.shape(tensors[ITEM])[1]
        flat = {raw.name: _joined_axes(tensors[raw.name]) for raw in candidates}
        names = self._inputs.candidate_tensors
        # One lookup encodes a category beside the target and along the history, so that neither side can be transformed
        # without something in the other's place.
        users = tf.shape(tensors[HISTORY_ITEM])[0]
        raw = {**from_named_tensors(beside, tensors), **missing(candidates, users)}
        of_users = self._transformed(raw, self._inputs.tensors().keys() - names)
        raw = {**from_named_tensors(candidates, flat), **missing(beside, users * count)}
        of_candidates = self._transformed(raw, names)
        unfolded = {
            name: tf.ensure_shape(tf.reshape(value, [-1, count, *value.shape[1:]]), [None, None, *value.shape[1:]])
            for name, value in of_candidates.items()
        }
        logits = self.ranker.rank({**of_users, **unfolded})
        is_there = tensors[ITEM] != ""
        return {
            task: tf.where(is_there, tf.sigmoid(tf.cast(logits[task], tf.float32)), 0.0) for task in self._inputs.tasks
        }

    def _transformed(self, raw: Mapping[str, Any], names: Collection[str]) -> dict[str, tf.Tensor]:
        """The model's tensors `names`.

        The transform that a model was trained with never gives an id beyond its table. Where a file of another has come
        to be in its place, such an id becomes the last, which means unknown where there is a vocabulary.
        """
        transformed = self._transform.apply_transform_model(raw)
        shapes, rows = self._inputs.tensors(), self._inputs.rows()
        found = {name: tf.ensure_shape(transformed[name], [None, *shapes[name][0]]) for name in sorted(names)}
        return found | {name: _within(found[name], rows[name]) for name in sorted(rows.keys() & found.keys())}

    def signatures(self) -> dict[str, Any]:
        serialized = tf.TensorSpec([None], tf.string, name="examples")
        named = {raw.name: raw.tensor_spec for raw in self._raw_inputs}
        ranked = {raw.name: raw.ranked_tensor_spec for raw in self._raw_inputs}
        # Neither is converted by autograph: Keras 3 switches it off inside its models anyway.
        return {
            "serving_default": tf.function(self.score_examples, autograph=False).get_concrete_function(serialized),
            "predict": tf.function(self.score_tensors, autograph=False).get_concrete_function(**named),
            "rank": tf.function(self.rank_tensors, autograph=False).get_concrete_function(**ranked),
        }


def export(
    ranker: Ranker,
    transform_output: TFTransformOutput,
    raw_spec: Mapping[str, Any],
    inputs: ModelInputs,
    folder: str,
    provenance: Mapping[str, Any],
) -> None:
    """Writes a SavedModel into `folder` with three signatures that give the same probabilities, float32 by task.

    | signature | takes | gives |
    |---|---|---|
    | `serving_default` | `examples`, string `[N]`: serialized tf.Example with raw features | `[N]` |
    | `predict` | each raw feature by name, `[N]`, or `[N, L]` for lists, padded | `[N]` |
    | `rank` | the same, of users `[U]` and `[U, L]`, of candidates `[U, N]` and `[U, N, L]` | `[U, N]` |

    `from_named_tensors` describes the padding. The first axis is the same for all tensors of a request, so that a
    server may join several requests.

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
        "raw_inputs": [raw.as_json() for raw in raw_inputs(raw_spec, inputs.candidate_tensors)],
    }
    path = tf.io.gfile.join(folder, PROVENANCE)
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _within(ids: tf.Tensor, rows: int) -> tf.Tensor:
    """`ids`, with the last in place of those that are not from 0 to `rows - 1`."""
    return tf.where((ids >= 0) & (ids < rows), ids, rows - 1)


def _joined_axes(tensor: tf.Tensor) -> tf.Tensor:
    """`[U, N, ...]` to `[U * N, ...]`, also where one of them is 0."""
    shape = tf.shape(tensor)
    return tf.reshape(tensor, tf.concat([[shape[0] * shape[1]], shape[2:]], axis=0))


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
