"""Vectors of all that is not the item: user, profile, context, and what is known of each behaviour."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.embedding.embedding_table import EmbeddingTable, embed_values
from interestflow.models.layers.embedding.quotient_remainder import build_table


class ContextEmbedding(keras.layers.Layer):
    """Embeds the user, `inputs.other_categories`, `inputs.behaviour_attributes` and the age of each behaviour.

    Numbers are joined as they are. A category that comes both beside the target and along the history has one table.
    Each method gives None where there is nothing to embed.

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
        self.user_table = (
            None
            if inputs.user_rows is None
            else build_table(inputs.user_rows, dimension, inputs.user_layout, l2, name="user")
        )
        categories = {category.name: category for category in inputs.other_categories + inputs.behaviour_attributes}
        self.tables = [
            build_table(category.rows, dimension, category.layout, l2, name=name)
            for name, category in categories.items()
        ]
        self.history_categories = {category.name for category in inputs.behaviour_attributes}
        self.candidate_categories = {category.name for category in inputs.other_categories if category.side == "item"}
        self.user_categories = {category.name for category in inputs.other_categories if category.side != "item"}
        self.age = EmbeddingTable(inputs.history_age_buckets + 1, dimension, l2, name="age") if history_age else None
        self.oldest = inputs.history_age_buckets
        self.user_numbers = [number.name for number in inputs.numeric if number.side != "item"]
        self.candidate_numbers = [number.name for number in inputs.numeric if number.side == "item"]
        self.build()

    def build(self, *_: Any) -> None:
        for table in (self.user_table, *self.tables, self.age):
            if table is not None:
                table.build()

    def user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        """[B, c]: the user, its attributes and the request's context."""
        vectors = [] if self.user_table is None else [self.user_table(features["user"], training=training)]
        return _joined(vectors + self._beside(features, self.user_categories, self.user_numbers, training))

    def candidate(self, features: dict[str, Any], training: bool | None = None) -> Any:
        """[B, c]: attributes of the candidate that are not in the items' vectors."""
        return _joined(self._beside(features, self.candidate_categories, self.candidate_numbers, training))

    def history(self, features: dict[str, Any], training: bool | None = None) -> Any:
        """[B, T, h]: what is known of each behaviour beside its item."""
        vectors = [
            embed_values(table, features[f"history_{table.name}"], 2, training)
            for table in self.tables
            if table.name in self.history_categories
        ]
        if self.age is not None:
            vectors.append(self.age(ops.minimum(features["history_age"], self.oldest), training=training))
        return _joined(vectors)

    def _beside(
        self, features: dict[str, Any], categories: set[str], numbers: list[str], training: bool | None
    ) -> list[Any]:
        tables = [table for table in self.tables if table.name in categories]
        vectors = [embed_values(table, features[table.name], 1, training) for table in tables]
        return vectors + [ops.cast(ops.expand_dims(features[name], -1), self.compute_dtype) for name in numbers]


def _joined(parts: list[Any]) -> Any:
    return ops.concatenate(parts, axis=-1) if parts else None
