"""Vectors of items: of the target and of those along the history."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from models.inputs import ModelInputs
from models.layers.embedding_table import EmbeddingTable, embed_values
from models.replicas import LossesByReplica


class ItemVectors(NamedTuple):
    """`target` [B, d]; `history` [B, T, d], zeros where padded; `mask` [B, T], true where there is a behaviour."""

    target: Any
    history: Any
    mask: Any


class ItemEmbedding(LossesByReplica, keras.layers.Layer):
    """An item's vector is its id's joined with those of its attributes: `d = dimension * (1 + attributes)`.

    Target and history share every table. A list-valued attribute is the mean over its values.

    Args:
        inputs: the tensors that there are; `inputs.item_attributes` are joined.
        dimension: width of each table.
        l2: see `EmbeddingTable`.
        item_penalty: a layer of `(ids [N], table) -> loss` on the table of ids, added in training.
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
        self.items = EmbeddingTable(inputs.item_rows, dimension, l2, name="item")
        self.item_penalty = item_penalty
        self.attributes = [
            EmbeddingTable(attribute.rows, dimension, l2, name=attribute.name) for attribute in inputs.item_attributes
        ]
        self.width = dimension * (1 + len(self.attributes))

    def build(self, *_: Any) -> None:
        # The penalty too, which is called in training alone: its counts are among the weights from the beginning.
        for layer in (self.items, *self.attributes, *([] if self.item_penalty is None else [self.item_penalty])):
            layer.build()

    def call(self, features: dict[str, Any], training: bool | None = None) -> ItemVectors:
        target, history = features["item"], features["history_item"]
        # Two gathers from a table are faster than one whose result is cut in two: the gradient of a cut is filled up
        # with zeros to the size of the whole.
        targets = [self.items(target, training=training)]
        histories = [self.items(history, training=training)]
        for table in self.attributes:
            targets.append(embed_values(table, features[table.name], 1, training))
            histories.append(embed_values(table, features[f"history_{table.name}"], 2, training))
        if training and self.item_penalty is not None:
            ids = ops.concatenate([target, ops.reshape(history, (-1,))], axis=0)
            self.add_loss(self.item_penalty(ids, self.items.table))
        return ItemVectors(ops.concatenate(targets, axis=-1), ops.concatenate(histories, axis=-1), history != 0)
