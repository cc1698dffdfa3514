"""Vectors of all that is not the item: user, profile, context, and what is known of each behaviour."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from models.inputs import ModelInputs
from models.layers.embedding_table import EmbeddingTable, embed_values


class ContextVectors(NamedTuple):
    """`target` [B, c], beside the target, and `history` [B, T, h], along the history; None where there is nothing."""

    target: Any
    history: Any


class ContextEmbedding(keras.layers.Layer):
    """Embeds the user, `inputs.other_categories`, `inputs.behaviour_attributes` and the age of each behaviour.

    Numbers are joined as they are. A category that comes both beside the target and along the history has one table.

    Args:
        inputs: the tensors that there are.
        dimension: width of each table.
        l2: see `EmbeddingTable`.
        history_age: whether the age of each behaviour is embedded too.
    """

    def __init__(
        self, inputs: ModelInputs, dimension: int, l2: float = 0.0, history_age: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.user = None if inputs.user_rows is None else EmbeddingTable(inputs.user_rows, dimension, l2, name="user")
        rows = {category.name: category.rows for category in inputs.other_categories + inputs.behaviour_attributes}
        self.tables = [EmbeddingTable(count, dimension, l2, name=name) for name, count in rows.items()]
        self.in_target = {category.name for category in inputs.other_categories}
        self.in_history = {category.name for category in inputs.behaviour_attributes}
        self.age = EmbeddingTable(inputs.history_age_buckets + 1, dimension, l2, name="age") if history_age else None
        self.oldest = inputs.history_age_buckets
        self.numbers = [number.name for number in inputs.numeric]

    def call(self, features: dict[str, Any], training: bool | None = None) -> ContextVectors:
        target: list[Any] = []
        history: list[Any] = []
        if self.user is not None:
            target.append(self.user(features["user"], training=training))
        for table in self.tables:
            if table.name in self.in_target:
                target.append(embed_values(table, features[table.name], 1, training))
            if table.name in self.in_history:
                history.append(embed_values(table, features[f"history_{table.name}"], 2, training))
        if self.age is not None:
            history.append(self.age(ops.minimum(features["history_age"], self.oldest), training=training))
        target += [ops.cast(ops.expand_dims(features[name], -1), self.compute_dtype) for name in self.numbers]
        return ContextVectors(_joined(target), _joined(history))


def _joined(parts: list[Any]) -> Any:
    return ops.concatenate(parts, axis=-1) if parts else None
