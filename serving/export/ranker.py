"""Export of a trained ranker and its transform graph as one SavedModel for TensorFlow Serving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow_transform.output_wrapper import TFTransformOutput

from interestflow.models.inputs import ModelInputs
from interestflow.models.rankers.base import Ranker
from interestflow.serving.description import RANK, Description, sized_rank_signature
from interestflow.serving.export.base import SERIALIZED, ServingModule, trace_signature
from interestflow.serving.export.saved_model_writer import ConcreteFunction
from interestflow.serving.raw_inputs import Features, ParsingSpec, features_from_tensors
from interestflow.transforms.feature_names import HISTORY_ITEM, ITEM


class RankerModule(ServingModule):
    """The transform graph, then a ranker: from raw features to probabilities by task.

    Args:
        ranker: a built ranker.
        transform_output: output of the transform of the features that it was trained on.
        raw_spec: parsing specification of the raw features that requests have, without labels.
        inputs: inputs of the ranker.
        description: description for clients, see `ServingModule`; the default one where None.

    Attributes:
        ranker: as given.
    """

    def __init__(
        self,
        ranker: Ranker,
        transform_output: TFTransformOutput,
        raw_spec: ParsingSpec,
        inputs: ModelInputs,
        description: Description | None = None,
    ) -> None:
        """Load the transform graph."""
        super().__init__(transform_output, raw_spec, inputs, description or Description(), name="ranker_module")
        self.ranker = ranker

    def probabilities(self, raw: Features) -> dict[str, tf.Tensor]:
        """Return probabilities, float32 `[N]` by task, of parsed raw features."""
        return self._apply_sigmoid(self.ranker(self._transform(raw, self._inputs.tensors()), training=False))

    def score_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return probabilities `[N]` by task of serialized `tf.Example`s `[N]`."""
        return self.probabilities(self._parse(examples))

    def score_tensors(self, **tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return probabilities `[N]` by task of raw features as named tensors, whose shapes `RawInput` documents."""
        return self.probabilities(features_from_tensors(self._raw_inputs, tensors))

    def rank_tensors(self, **tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return probabilities `[U, N]` by task of raw features of users `[U]` and of their candidates `[U, N]`.

        All that does not depend on the candidate, the transform of the history included, is computed once per user. A
        candidate without an item is padding and scores 0.
        """
        count = tf.shape(tensors[ITEM])[1]
        users = tf.shape(tensors[HISTORY_ITEM])[0]
        flat = {raw.name: _join_first_axes(tensors[raw.name]) for raw in self._candidate_inputs}
        user_features = self._transform_users(tensors, users)
        candidate_features = {
            name: tf.ensure_shape(tf.reshape(value, [-1, count, *value.shape[1:]]), [None, None, *value.shape[1:]])
            for name, value in self._transform_candidates(flat, users * count).items()
        }
        probabilities = self._apply_sigmoid(self.ranker.rank({**user_features, **candidate_features}))
        is_candidate = tensors[ITEM] != ""
        return {task: tf.where(is_candidate, values, 0.0) for task, values in probabilities.items()}

    def signatures(self) -> dict[str, ConcreteFunction]:
        """Return the concrete functions of the signatures that `export_ranker` lists, except `describe`."""
        rank = trace_signature(self.rank_tensors, [raw.ranked_tensor_spec for raw in self._raw_inputs])
        return {
            "serving_default": trace_signature(self.score_examples, [SERIALIZED]),
            "predict": trace_signature(self.score_tensors, [raw.tensor_spec for raw in self._raw_inputs]),
            RANK: rank,
            **{
                sized_rank_signature(count): self._trace_sized(rank, count)
                for count in self.description.candidate_sizes
            },
        }

    def _trace_sized(self, rank: ConcreteFunction, count: int) -> ConcreteFunction:
        """Trace `rank` for exactly `count` candidates and histories of the model's length; the graph calls `rank`."""
        specs = []
        for raw in self._raw_inputs:
            shape = raw.ranked_tensor_spec.shape.as_list()
            if raw.side == "candidate":
                shape[1] = count
            if raw.kind != "value":
                shape[-1] = self.description.lengths.get(raw.name)
            specs.append(tf.TensorSpec(shape, raw.dtype, name=raw.name))
        return trace_signature(lambda **tensors: rank(**tensors), specs)

    def _apply_sigmoid(self, logits: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {task: tf.sigmoid(tf.cast(logits[task], tf.float32)) for task in self._inputs.tasks}


def export_ranker(
    ranker: Ranker,
    transform_output: TFTransformOutput,
    raw_spec: ParsingSpec,
    inputs: ModelInputs,
    folder: str,
    provenance: Mapping[str, Any],
    description: Description | None = None,
    *,
    consume: bool = False,
) -> None:
    """Write a SavedModel into `folder` with signatures that return the same probabilities, float32 by task.

    | signature | inputs | outputs |
    |---|---|---|
    | `serving_default` | `examples`, string `[N]`: serialized tf.Example with raw features | `[N]` |
    | `predict` | each raw feature by name, `[N]`, or `[N, L]` for lists, padded | `[N]` |
    | `rank` | the same, of users `[U]` and `[U, L]`, of candidates `[U, N]` and `[U, N, L]` | `[U, N]` |
    | `rank_10`, ... | the same, of exactly that many candidates | `[U, 10]` |
    | `describe` | `rows`, int32 `[N]` | `description`, string `[N]`, see `Description` |

    `features_from_tensors` documents the padding. The first axis is the same for all tensors of a request, so that a
    server may batch several requests.

    Args:
        ranker: a built ranker.
        transform_output: output of the transform of the features that it was trained on.
        raw_spec: parsing specification of the raw features that requests have, without labels.
        inputs: inputs of the ranker.
        folder: folder to write to, local or on any file system that TensorFlow writes to.
        provenance: where the model comes from; written as JSON beside it, with a description of its inputs.
        description: description for clients; the default one where None.
        consume: see `ServingModule.save`.

    Raises:
        ExportError: where a session, as servers have it, cannot load or run the model; nothing is written then.
    """
    module = RankerModule(ranker, transform_output, raw_spec, inputs, description)
    module.save(folder, provenance, inputs.tasks, consume)


def _join_first_axes(tensor: tf.Tensor) -> tf.Tensor:
    """Reshape `[U, N, ...]` to `[U * N, ...]`, also where one of them is 0."""
    shape = tf.shape(tensor)
    return tf.reshape(tensor, tf.concat([[shape[0] * shape[1]], shape[2:]], axis=0))
