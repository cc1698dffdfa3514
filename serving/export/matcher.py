"""Export of a trained matcher, its transform graph and an index of all items as one SavedModel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_transform.output_wrapper import TFTransformOutput

from interestflow.models.inputs import ModelInputs
from interestflow.models.matchers.base import Matcher
from interestflow.serving.description import Description
from interestflow.serving.export.base import SERIALIZED, ServingModule, Tensors, trace_signature
from interestflow.serving.export.exact_index import ExactIndex
from interestflow.serving.export.item_embeddings import write_item_embeddings
from interestflow.serving.export.saved_model_writer import ConcreteFunction
from interestflow.serving.raw_inputs import ParsingSpec
from interestflow.transforms.feature_names import HISTORY_ITEM, ITEM

ENCODING_BATCH = 8192
"""Items that are encoded at once while the index is built."""
MATCHER = "matcher"
"""Value of `kind` in the provenance of a matcher."""


@dataclass(frozen=True)
class IndexedItems:
    """Items to retrieve from.

    Attributes:
        ids: ids as in the logs, UTF-8 `[N]`, each once.
        vectors: their vectors, float32 `[N, d]`.
    """

    ids: np.ndarray
    vectors: np.ndarray

    @classmethod
    def encode(cls, matcher: Matcher, ids: np.ndarray, tensors: Mapping[str, np.ndarray]) -> IndexedItems:
        """Encode items by `matcher` from `ModelInputs.candidate_tensors`, `[N, ...]` by name."""

        @tf.function(reduce_retracing=True, autograph=False)
        def encode_batch(items: dict[str, tf.Tensor]) -> tf.Tensor:
            return tf.cast(matcher.encode_items(items, training=False), tf.float32)

        vectors: np.ndarray | None = None
        for start in range(0, len(ids), ENCODING_BATCH):
            part = slice(start, start + ENCODING_BATCH)
            encoded = encode_batch({name: values[part] for name, values in tensors.items()}).numpy()
            if vectors is None:
                vectors = np.empty((len(ids), encoded.shape[1]), np.float32)
            vectors[part] = encoded
        if vectors is None:
            raise ValueError("`ids` should hold at least one item, received none")
        return cls(ids, vectors)


class MatcherModule(ServingModule):
    """The transform graph, then a matcher and its index: from raw features to vectors and the best of all items.

    Args:
        matcher: a built matcher.
        transform_output: output of the transform of the features that it was trained on.
        raw_spec: parsing specification of the raw features that requests have, without labels.
        inputs: inputs of the matcher.
        items: items to retrieve from.
        description: description for clients, see `ServingModule`. A matcher ranks nothing, so its `candidate_sizes`
            are dropped.

    Attributes:
        matcher: as given.
    """

    def __init__(
        self,
        matcher: Matcher,
        transform_output: TFTransformOutput,
        raw_spec: ParsingSpec,
        inputs: ModelInputs,
        items: IndexedItems,
        description: Description | None = None,
    ) -> None:
        """Load the transform graph and build the index."""
        described = replace(description or Description(), candidate_sizes=())
        super().__init__(transform_output, raw_spec, inputs, described, name="matcher_module")
        self.matcher = matcher
        self._index = ExactIndex(items.ids, items.vectors)

    def score_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Score serialized `tf.Example`s `[N]`.

        Returns:
            `user` `[N, K, d]`, `item` `[N, d]` and the item's `score` `[N]`, all float32.
        """
        features = self._transform(self._parse(examples), self._inputs.tensors())
        users = tf.cast(self.matcher.encode_user(features, training=False), tf.float32)
        items = tf.cast(self.matcher.encode_items(features, training=False), tf.float32)
        return {"user": users, "item": items, "score": self.matcher(features, training=False)}

    def encode_users(self, **tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        """Encode raw features of users, the request and the history, `[U]` and `[U, L]`.

        Returns:
            `user`, float32 `[U, K, d]`.
        """
        return {"user": self._encode_users(tensors)}

    def encode_items(self, **tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        """Encode raw features of items, `[N]` and `[N, L]`.

        Returns:
            `item`, float32 `[N, d]`.
        """
        features = self._transform_candidates(tensors, tf.shape(tensors[ITEM])[0])
        return {"item": tf.cast(self.matcher.encode_items(features, training=False), tf.float32)}

    def retrieve(self, k: tf.Tensor, **tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the best of all items for each user, except those in its history.

        Args:
            k: number of items for each user, int32 `[U]`.
            tensors: raw features of users, as for `encode_users`.

        Returns:
            `items`, string, and `scores`, float32, as `ExactIndex.search` returns them.
        """
        items, scores = self._index.search(self._encode_users(tensors), tensors[HISTORY_ITEM], k)
        return {"items": items, "scores": scores}

    def signatures(self) -> dict[str, ConcreteFunction]:
        """Return the concrete functions of the signatures that `export_matcher` lists."""
        users = [raw.tensor_spec for raw in self._user_inputs]
        items = [raw.tensor_spec for raw in self._candidate_inputs]
        return {
            "serving_default": trace_signature(self.score_examples, [SERIALIZED]),
            "encode_user": trace_signature(self.encode_users, users),
            "encode_items": trace_signature(self.encode_items, items),
            "retrieve": trace_signature(self.retrieve, [*users, tf.TensorSpec([None], tf.int32, name="k")]),
        }

    def _encode_users(self, tensors: Tensors) -> tf.Tensor:
        features = self._transform_users(tensors, tf.shape(tensors[HISTORY_ITEM])[0])
        return tf.cast(self.matcher.encode_user(features, training=False), tf.float32)


def export_matcher(
    matcher: Matcher,
    transform_output: TFTransformOutput,
    raw_spec: ParsingSpec,
    inputs: ModelInputs,
    items: IndexedItems,
    folder: str,
    provenance: Mapping[str, Any],
    description: Description | None = None,
    *,
    consume: bool = False,
) -> None:
    """Write a SavedModel into `folder` with these signatures, and its index as files beside it.

    | signature | inputs | outputs |
    |---|---|---|
    | `serving_default` | `examples`, string `[N]`: serialized tf.Example | `user`, `item`, `score` `[N]` |
    | `encode_user` | raw features of users by name, `[U]`, or `[U, L]` for lists, padded | `user` `[U, K, d]` |
    | `encode_items` | raw features of items by name, `[N]` or `[N, L]` | `item` `[N, d]` |
    | `retrieve` | as `encode_user`, and `k`, int32 `[U]` | `items`, string, and `scores`, `[U, max(k)]` |
    | `describe` | `rows`, int32 `[N]` | `description`, string `[N]`, see `Description` |

    The first axis is the same for all tensors of a request, so that a server may batch several requests. The vectors of
    all items are also in `assets.extra`, see `write_item_embeddings`.

    Args:
        matcher: a built matcher.
        transform_output: output of the transform of the features that it was trained on.
        raw_spec: parsing specification of the raw features that requests have, without labels.
        inputs: inputs of the matcher.
        items: items to retrieve from.
        folder: folder to write to, local or on any file system that TensorFlow writes to.
        provenance: where the model comes from; written as JSON beside it, with a description of its inputs.
        description: description for clients; the default one where None.
        consume: see `ServingModule.save`.

    Raises:
        ExportError: where a session, as servers have it, cannot load or run the model; nothing is written then.
    """
    module = MatcherModule(matcher, transform_output, raw_spec, inputs, items, description)
    about = {**provenance, "kind": MATCHER, "items": len(items.ids), "dimension": int(items.vectors.shape[1])}
    module.save(folder, about, inputs.tasks[:1], consume)
    write_item_embeddings(folder, items.ids, items.vectors, str(provenance.get("fingerprint", "")))
