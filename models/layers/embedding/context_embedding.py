"""Embeddings of everything but the items: user, profile, context, and attributes of each behaviour."""

from __future__ import annotations

from typing import Any, Self

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.embedding.embedding_table import EmbeddingTable, embed_values
from interestflow.models.layers.embedding.quotient_remainder import build_table
from interestflow.models.tensor import Features, Shape, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class ContextEmbedding(keras.layers.Layer):
    """Embeddings of the user, `inputs.other_categories`, `inputs.behaviour_attributes` and the age of each behaviour.

    Numbers are concatenated as they are. A category of both the target and the history has one shared table. Each
    method returns None where there is nothing to embed.

    Args:
        inputs: description of the input tensors.
        dimension: size of an embedding.
        l2: see `EmbeddingTable`.
        history_age: whether the age of each behaviour is embedded too.

    Example:

    >>> inputs = ModelInputs(("click",), item_rows=9, history_length=5, history_age_buckets=8, user_rows=4)
    >>> layer = ContextEmbedding(inputs, dimension=2, history_age=True)
    >>> tuple(layer.user({"user": ops.array([1, 3])}).shape)
    (2, 2)
    >>> tuple(layer.history({"history_age": ops.array([[5, 1, 0, 0, 0]])}).shape)
    (1, 5, 2)
    """

    def __init__(
        self, inputs: ModelInputs, dimension: int, l2: float = 0.0, history_age: bool = False, **kwargs: Any
    ) -> None:
        """Create and build a table for each category."""
        super().__init__(**kwargs)
        self.inputs_description, self.dimension, self.l2, self.history_age = inputs, dimension, l2, history_age
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
        self.user_numbers = [numeric.name for numeric in inputs.numeric if numeric.side != "item"]
        self.candidate_numbers = [numeric.name for numeric in inputs.numeric if numeric.side == "item"]
        self.build()

    def build(self, *_: Shape) -> None:
        """Build the tables, whose sizes follow from the description of the inputs."""
        for table in (self.user_table, *self.tables, self.age):
            if table is not None:
                table.build()
        self.built = True

    def user(self, features: Features, training: bool | None = None) -> Tensor | None:
        """Embed the user, their attributes and the request's context: [B, c]."""
        vectors = [] if self.user_table is None else [self.user_table(features["user"], training=training)]
        return _concatenate(vectors + self._embed(features, self.user_categories, self.user_numbers, training))

    def candidate(self, features: Features, training: bool | None = None) -> Tensor | None:
        """Embed the candidate's attributes that are not part of an item's vector: [B, c]."""
        return _concatenate(self._embed(features, self.candidate_categories, self.candidate_numbers, training))

    def history(self, features: Features, training: bool | None = None) -> Tensor | None:
        """Embed the attributes and the age of each behaviour, without its item: [B, T, h]."""
        vectors = [
            embed_values(table, features[f"history_{table.name}"], 2, training)
            for table in self.tables
            if table.name in self.history_categories
        ]
        if self.age is not None:
            vectors.append(self.age(ops.minimum(features["history_age"], self.oldest), training=training))
        return _concatenate(vectors)

    def _embed(
        self, features: Features, categories: set[str], numbers: list[str], training: bool | None
    ) -> list[Tensor]:
        tables = [table for table in self.tables if table.name in categories]
        vectors = [embed_values(table, features[table.name], 1, training) for table in tables]
        return vectors + [ops.cast(ops.expand_dims(features[name], -1), self.compute_dtype) for name in numbers]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(), "inputs": self.inputs_description.to_json(), "dimension": self.dimension,
            "l2": self.l2, "history_age": self.history_age,
        }  # fmt: skip

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build the layer that `get_config` describes."""
        return cls(**{**config, "inputs": ModelInputs.from_json(config["inputs"])})


def _concatenate(vectors: list[Tensor]) -> Tensor | None:
    return ops.concatenate(vectors, axis=-1) if vectors else None
