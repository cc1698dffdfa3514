"""Vectors of items: of the target and of those along the history."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from models.inputs import ModelInputs
from models.layers.embedding_table import EmbeddingTable
from models.layers.masked_ops import masked_mean


class ItemVectors(NamedTuple):
    """`target` [B, d]; `history` [B, T, d], zeros where padded; `mask` [B, T], true where there is a behaviour."""

    target: Any
    history: Any
    mask: Any


class ItemEmbedding(keras.layers.Layer):
    """An item's vector is its id's joined with those of its attributes: `d = dimension * (1 + attributes)`.

    Target and history share every table. A list-valued attribute is the mean over its values.

    Args:
        inputs: the tensors that there are; `inputs.item_attributes` are joined.
        dimension: width of each table.
        l2: see `EmbeddingTable`.
        item_penalty: a further loss on the table of ids; see `EmbeddingTable`.
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
        self.items = EmbeddingTable(inputs.item_rows, dimension, l2, penalty=item_penalty, name="item")
        self.attributes = [
            EmbeddingTable(attribute.rows, dimension, l2, name=attribute.name) for attribute in inputs.item_attributes
        ]
        self.width = dimension * (1 + len(self.attributes))

    def call(self, features: dict[str, Any], training: bool | None = None) -> ItemVectors:
        ids = features["history_item"]
        target, history = self.items((features["item"], ids), training=training)
        targets, histories = [target], [history]
        for table in self.attributes:
            pair = (features[table.name], features[f"history_{table.name}"])
            target, history = table(pair, training=training)
            if len(pair[0].shape) == 2:
                target, history = masked_mean(target, pair[0] != 0), masked_mean(history, pair[1] != 0)
            targets.append(target)
            histories.append(history)
        return ItemVectors(_joined(targets), _joined(histories), ids != 0)


def _joined(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)
