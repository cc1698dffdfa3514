"""A trained matcher, the transform graph and an index of all items in one SavedModel, which TF Serving answers from."""

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
from interestflow.serving.export.base import ServedModel
from interestflow.serving.export.exact_index import ExactIndex
from interestflow.serving.export.item_embeddings import write_item_embeddings
from interestflow.serving.raw_inputs import from_named_tensors, missing, parsing_spec
from interestflow.transforms.feature_names import HISTORY_ITEM, ITEM

ENCODED_AT_ONCE = 8192
"""Items, while the index is made."""
MATCHER = "matcher"
"""The kind of such a model, in what it says of itself."""


@dataclass(frozen=True)
class IndexedItems:
    """What is retrieved from: ids as in the logs, UTF-8 `[N]`, each once, and their vectors, float32 `[N, d]`."""

    ids: np.ndarray
    vectors: np.ndarray

    @classmethod
    def of(cls, matcher: Matcher, ids: np.ndarray, tensors: Mapping[str, np.ndarray]) -> IndexedItems:
        """Encodes items by `matcher` from `ModelInputs.candidate_tensors`, `[N, ...]` by name."""

        @tf.function(reduce_retracing=True, autograph=False)
        def encode(items: dict[str, tf.Tensor]) -> tf.Tensor:
            return tf.cast(matcher.encode_items(items, training=False), tf.float32)

        parts = [
            encode({name: values[start : start + ENCODED_AT_ONCE] for name, values in tensors.items()}).numpy()
            for start in range(0, len(ids), ENCODED_AT_ONCE)
        ]
        return cls(ids, np.concatenate(parts))


class ServedMatcher(ServedModel):
    """From raw features to interests, item vectors and the best of all items.

    Args:
        matcher: built.
        transform_output: of the transform that made the features it was trained on.
        raw_spec: parsing specification of the raw features to ask with, labels not among them.
        inputs: what the matcher is given.
        items: what to retrieve from.
        description: see `ServedModel`; nothing is ranked, so there are no numbers of candidates.
    """

    def __init__(
        self,
        matcher: Matcher,
        transform_output: TFTransformOutput,
        raw_spec: Mapping[str, Any],
        inputs: ModelInputs,
        items: IndexedItems,
        description: Description | None = None,
    ) -> None:
        described = replace(description or Description(), candidate_sizes=())
        super().__init__(transform_output, raw_spec, inputs, described, name="served_matcher")
        self.matcher = matcher
        self._index = ExactIndex(items.ids, items.vectors)

    def score_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized tf.Example `[N]` to `user` `[N, K, d]`, `item` `[N, d]` and the item's `score` `[N]`, float32."""
        tensors = self._transformed(
            tf.io.parse_example(examples, parsing_spec(self._raw_inputs)), self._inputs.tensors().keys()
        )
        users = tf.cast(self.matcher.encode_user(tensors, training=False), tf.float32)
        items = tf.cast(self.matcher.encode_items(tensors, training=False), tf.float32)
        return {"user": users, "item": items, "score": self.matcher(tensors, training=False)}

    def encode_users(self, **tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        """Raw features of users, the request and the history, `[U]` and `[U, L]`, to `user`, float32 `[U, K, d]`."""
        return {"user": self._users(tensors)}

    def encode_items(self, **tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        """Raw features of items, `[N]` and `[N, L]`, to `item`, float32 `[N, d]`."""
        candidates, beside = self._of_side("candidate"), self._of_side("user")
        raw = {**from_named_tensors(candidates, tensors), **missing(beside, tf.shape(tensors[ITEM])[0])}
        features = self._transformed(raw, self._inputs.candidate_tensors)
        return {"item": tf.cast(self.matcher.encode_items(features, training=False), tf.float32)}

    def retrieve(self, k: tf.Tensor, **tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        """The best items of all for each user, those in its history left out.

        Args:
            k: int32 `[U]`, how many for each user.
            tensors: as for `encode_users`.

        Returns:
            `items`, string, and `scores`, float32, as `ExactIndex.search` gives them.
        """
        items, scores = self._index.search(self._users(tensors), tensors[HISTORY_ITEM], k)
        return {"items": items, "scores": scores}

    def _users(self, tensors: Mapping[str, tf.Tensor]) -> tf.Tensor:
        candidates, beside = self._of_side("candidate"), self._of_side("user")
        raw = {**from_named_tensors(beside, tensors), **missing(candidates, tf.shape(tensors[HISTORY_ITEM])[0])}
        features = self._transformed(raw, self._inputs.tensors().keys() - self._inputs.candidate_tensors)
        return tf.cast(self.matcher.encode_user(features, training=False), tf.float32)

    def signatures(self) -> dict[str, Any]:
        def concrete(function: Any, *specs: tf.TensorSpec) -> Any:
            # Not converted by autograph: Keras 3 switches it off inside its models anyway.
            named = {spec.name: spec for spec in specs}
            return tf.function(function, autograph=False).get_concrete_function(**named)

        users = [raw.tensor_spec for raw in self._of_side("user")]
        items = [raw.tensor_spec for raw in self._of_side("candidate")]
        return {
            "serving_default": concrete(self.score_examples, tf.TensorSpec([None], tf.string, name="examples")),
            "encode_user": concrete(self.encode_users, *users),
            "encode_items": concrete(self.encode_items, *items),
            "retrieve": concrete(self.retrieve, *users, tf.TensorSpec([None], tf.int32, name="k")),
        }


def export_matcher(
    matcher: Matcher,
    transform_output: TFTransformOutput,
    raw_spec: Mapping[str, Any],
    inputs: ModelInputs,
    items: IndexedItems,
    folder: str,
    provenance: Mapping[str, Any],
    description: Description | None = None,
) -> None:
    """Writes a SavedModel into `folder` with four signatures, and its index as files beside it.

    | signature | takes | gives |
    |---|---|---|
    | `serving_default` | `examples`, string `[N]`: serialized tf.Example | `user`, `item`, `score` `[N]` |
    | `encode_user` | raw features of users by name, `[U]`, or `[U, L]` for lists, padded | `user` `[U, K, d]` |
    | `encode_items` | raw features of items by name, `[N]` or `[N, L]` | `item` `[N, d]` |
    | `retrieve` | as `encode_user`, and `k`, int32 `[U]` | `items`, string, and `scores`, `[U, max(k)]` |

    The first axis is the same for all tensors of a request, so that a server may join several requests. The vectors of
    all items are also in `assets.extra`, see `write_item_embeddings`.

    Args:
        matcher: see `ServedMatcher`, as are the next four.
        transform_output: see there.
        raw_spec: see there.
        inputs: see there.
        items: see there.
        folder: local or on any file system that TensorFlow writes to.
        provenance: where the model comes from; kept as JSON beside it, with a description of its inputs.
        description: see `ServedMatcher`.

    Raises:
        ExportError: where the model cannot be loaded or run by a session, as servers do; nothing is written then.
    """
    module = ServedMatcher(matcher, transform_output, raw_spec, inputs, items, description)
    about = {**provenance, "kind": MATCHER, "items": len(items.ids), "dimension": int(items.vectors.shape[1])}
    module.save(folder, about, inputs.tasks[:1])
    write_item_embeddings(folder, items.ids, items.vectors, str(provenance.get("fingerprint", "")))
