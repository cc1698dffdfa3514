"""A trained ranker and the transform graph in one SavedModel, which TF Serving answers from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow_transform.output_wrapper import TFTransformOutput

from interestflow.models.inputs import ModelInputs
from interestflow.models.rankers.base import Ranker
from interestflow.serving.description import RANK, Description, sized_rank
from interestflow.serving.export.base import ServedModel
from interestflow.serving.raw_inputs import from_named_tensors, missing, parsing_spec
from interestflow.transforms.feature_names import HISTORY_ITEM, ITEM


class ServedRanker(ServedModel):
    """From raw features to probabilities by task: the transform graph, then the ranker.

    Args:
        ranker: built.
        transform_output: of the transform that made the features it was trained on.
        raw_spec: parsing specification of the raw features to ask with, labels not among them.
        inputs: what the ranker is given.
        description: see `ServedModel`.
    """

    def __init__(
        self,
        ranker: Ranker,
        transform_output: TFTransformOutput,
        raw_spec: Mapping[str, Any],
        inputs: ModelInputs,
        description: Description | None = None,
    ) -> None:
        super().__init__(transform_output, raw_spec, inputs, description or Description(), name="served_ranker")
        self.ranker = ranker

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
        candidates, beside = self._of_side("candidate"), self._of_side("user")
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

    def signatures(self) -> dict[str, Any]:
        serialized = tf.TensorSpec([None], tf.string, name="examples")
        named = {raw.name: raw.tensor_spec for raw in self._raw_inputs}
        ranked = {raw.name: raw.ranked_tensor_spec for raw in self._raw_inputs}
        # None is converted by autograph: Keras 3 switches it off inside its models anyway.
        rank = tf.function(self.rank_tensors, autograph=False).get_concrete_function(**ranked)
        return {
            "serving_default": tf.function(self.score_examples, autograph=False).get_concrete_function(serialized),
            "predict": tf.function(self.score_tensors, autograph=False).get_concrete_function(**named),
            RANK: rank,
            **{sized_rank(count): self._sized(rank, count) for count in self.description.candidate_sizes},
        }

    def _sized(self, rank: Any, count: int) -> Any:
        """`rank` of exactly `count` candidates and histories of the model's length, in a graph that calls the same."""
        specs = {}
        for raw in self._raw_inputs:
            shape = raw.ranked_tensor_spec.shape.as_list()
            if raw.side == "candidate":
                shape[1] = count
            if raw.kind != "value":
                shape[-1] = self.description.lengths.get(raw.name)
            specs[raw.name] = tf.TensorSpec(shape, raw.dtype, name=raw.name)
        return tf.function(lambda **tensors: rank(**tensors), autograph=False).get_concrete_function(**specs)


def export(
    ranker: Ranker,
    transform_output: TFTransformOutput,
    raw_spec: Mapping[str, Any],
    inputs: ModelInputs,
    folder: str,
    provenance: Mapping[str, Any],
    description: Description | None = None,
) -> None:
    """Writes a SavedModel into `folder` with signatures that give the same probabilities, float32 by task.

    | signature | takes | gives |
    |---|---|---|
    | `serving_default` | `examples`, string `[N]`: serialized tf.Example with raw features | `[N]` |
    | `predict` | each raw feature by name, `[N]`, or `[N, L]` for lists, padded | `[N]` |
    | `rank` | the same, of users `[U]` and `[U, L]`, of candidates `[U, N]` and `[U, N, L]` | `[U, N]` |
    | `rank_10`, ... | the same, of exactly so many candidates | `[U, 10]` |
    | `describe` | `rows`, int32 `[N]` | `description`, string `[N]`, see `Description` |

    `from_named_tensors` describes the padding. The first axis is the same for all tensors of a request, so that a
    server may join several requests.

    Args:
        ranker: see `ServedRanker`, as are the next three.
        transform_output: see there.
        raw_spec: see there.
        inputs: see there.
        folder: local or on any file system that TensorFlow writes to.
        provenance: where the model comes from; kept as JSON beside it, with a description of its inputs.
        description: see `ServedRanker`.

    Raises:
        ExportError: where the model cannot be loaded or run by a session, as servers do; nothing is written then.
    """
    module = ServedRanker(ranker, transform_output, raw_spec, inputs, description)
    module.save(folder, provenance, inputs.tasks)


def _joined_axes(tensor: tf.Tensor) -> tf.Tensor:
    """`[U, N, ...]` to `[U * N, ...]`, also where one of them is 0."""
    shape = tf.shape(tensor)
    return tf.reshape(tensor, tf.concat([[shape[0] * shape[1]], shape[2:]], axis=0))
