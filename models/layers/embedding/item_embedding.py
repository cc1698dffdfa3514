"""Vectors of items: of the candidate and of those along the history."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.embedding.embedding_table import embed_values
from interestflow.models.layers.embedding.quotient_remainder import build_table
from interestflow.models.replicas import LossesByReplica


class ItemEmbedding(LossesByReplica, keras.layers.Layer):
    """An item's vector is its id's joined with those of its attributes: `d = dimension * (1 + attributes)`.

    Candidate and history share every table. A list-valued attribute is the mean over its values.

    Args:
        inputs: the tensors that there are; `inputs.item_attributes` are joined.
        dimension: width of each table.
        l2: see `EmbeddingTable`.
        item_penalty: a layer of `(ids [N], table) -> loss` on the table of ids, added in training.

    Raises:
        ValueError: for an `item_penalty` where `inputs.item_layout` has no row for every item.
    """

    def __init__(
        self,
        inputs: ModelInputs,
        dimension: int,
        l2: float = 0.0,
        item_penalty: keras.layers.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if item_penalty is not None and inputs.item_layout is not None:
            raise ValueError("`item_penalty` needs a row for every item, received `inputs.item_layout`, which has none")
        self.items = build_table(inputs.item_rows, dimension, inputs.item_layout, l2, name="item")
        self.item_penalty = item_penalty
        self.attributes = [
            build_table(attribute.rows, dimension, attribute.layout, l2, name=attribute.name)
            for attribute in inputs.item_attributes
        ]
        self.width = dimension * (1 + len(self.attributes))
        self.build()

    def build(self, *_: Any) -> None:
        # The penalty is called in training alone, but its counts are among the weights from the beginning.
        for layer in (self.items, *self.attributes, *([] if self.item_penalty is None else [self.item_penalty])):
            layer.build()

    # Two gathers from a table are faster than one whose result is cut in two: the gradient of a cut is filled up with
    # zeros to the size of the whole.

    def candidate(self, features: dict[str, Any], training: bool | None = None) -> Any:
        """Vectors [B, d] of `item` and its attributes."""
        vectors = [self.items(features["item"], training=training)]
        vectors += [embed_values(table, features[table.name], 1, training) for table in self.attributes]
        return ops.concatenate(vectors, axis=-1)

    def history(self, features: dict[str, Any], training: bool | None = None) -> tuple[Any, Any]:
        """Vectors [B, T, d], zeros where padded, and the mask [B, T], true where there is a behaviour."""
        return self._along_history("history_", features, training)

    def history_negatives(self, features: dict[str, Any], training: bool | None = None) -> tuple[Any, Any]:
        """The same of the items drawn beside the behaviours; the mask is true where one was found."""
        return self._along_history("history_negative_", features, training)

    def _along_history(self, prefix: str, features: dict[str, Any], training: bool | None) -> tuple[Any, Any]:
        items = features[f"{prefix}item"]
        vectors = [self.items(items, training=training)]
        vectors += [embed_values(table, features[f"{prefix}{table.name}"], 2, training) for table in self.attributes]
        return ops.concatenate(vectors, axis=-1), items != 0

    def penalize(self, features: dict[str, Any]) -> None:
        """Adds `item_penalty`, if there is one, on all items of the batch."""
        if self.item_penalty is not None:
            ids = ops.concatenate([features["item"], ops.reshape(features["history_item"], (-1,))], axis=0)
            self.add_loss(self.item_penalty(ids, self.items.table))
