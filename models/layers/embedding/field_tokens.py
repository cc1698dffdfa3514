"""Tokens of one width: one for each field of the user and the item, and one for each behaviour."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.embedding.embedding_table import embed_values
from interestflow.models.layers.embedding.quotient_remainder import build_table
from interestflow.models.tensor import Features, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class FieldTokens(keras.layers.Layer):
    """Tokens of width `d` for a transformer-like ranker.

    Every id, category and number is a field with a token of its own: an embedding, or a linear map of a number. A
    behaviour is one token, a linear map of its item joined with its categories and, if configured, its age. A category
    of both the target and the history has one shared table.

    Args:
        inputs: description of the input tensors.
        width: `d`.
        l2: see `EmbeddingTable`.
        history_age: whether the age of each behaviour is part of its token.

    Example:

    >>> inputs = ModelInputs(tasks=("click",), item_rows=10, history_length=3, history_age_buckets=4, user_rows=5)
    >>> tokens = FieldTokens(inputs, width=4)
    >>> [tuple(token.shape) for token in tokens.user({"user": ops.array([1, 4])})]
    [(2, 4)]
    """

    def __init__(
        self, inputs: ModelInputs, width: int, l2: float = 0.0, history_age: bool = False, **kwargs: Any
    ) -> None:
        """Create a table per category and a linear map per number; their weights are built when first used."""
        super().__init__(**kwargs)
        self.inputs_description = inputs
        self.width, self.l2, self.history_age = width, l2, history_age
        self.oldest = inputs.history_age_buckets
        rows = {"item": inputs.item_rows, **{category.name: category.rows for category in inputs.categorical}}
        if inputs.user_rows is not None:
            rows["user"] = inputs.user_rows
        if history_age:
            rows["age"] = inputs.history_age_buckets + 1
        layouts = {category.name: category.layout for category in inputs.categorical}
        layouts |= {"item": inputs.item_layout, "user": inputs.user_layout}
        self.tables = {
            name: build_table(count, width, layouts.get(name), l2, name=name) for name, count in rows.items()
        }
        target_categories = [category for category in inputs.categorical if category.in_target]
        self.user_fields = [] if inputs.user_rows is None else ["user"]
        self.user_fields += [category.name for category in target_categories if category.side != "item"]
        self.item_fields = ["item", *(category.name for category in target_categories if category.side == "item")]
        self.behaviour_fields = [category.name for category in inputs.categorical if category.in_history]
        self.numbers = {
            numeric.name: keras.layers.Dense(width, name=f"number_{numeric.name}") for numeric in inputs.numeric
        }
        self.user_numbers = [numeric.name for numeric in inputs.numeric if numeric.side != "item"]
        self.item_numbers = [numeric.name for numeric in inputs.numeric if numeric.side == "item"]
        self.behaviour = keras.layers.Dense(width, name="behaviour")
        # Callers use the methods and never call the layer itself, so Keras never builds it.
        self.built = True

    @property
    def field_count(self) -> int:
        """Number of fields of the user and the item together."""
        return len(self.user_fields) + len(self.item_fields) + len(self.numbers)

    def user(self, features: Features, training: bool | None = None) -> list[Tensor]:
        """Return a token [B, d] for each field of the user and the request; none where there are no such fields."""
        return self._tokens(features, self.user_fields, self.user_numbers, training)

    def item(self, features: Features, training: bool | None = None) -> list[Tensor]:
        """Return a token [B, d] for each field of the candidate."""
        return self._tokens(features, self.item_fields, self.item_numbers, training)

    def history(self, features: Features, training: bool | None = None) -> tuple[Tensor, Tensor]:
        """Return the behaviours' tokens, [B, T, d], arbitrary where padded, and their mask, bool [B, T]."""
        vectors = [self.tables["item"](features["history_item"], training=training)]
        vectors += [
            embed_values(self.tables[name], features[f"history_{name}"], 2, training) for name in self.behaviour_fields
        ]
        if self.history_age:
            vectors.append(self.tables["age"](ops.minimum(features["history_age"], self.oldest), training=training))
        return self.behaviour(ops.concatenate(vectors, axis=-1)), features["history_item"] != 0

    def _tokens(self, features: Features, names: list[str], numbers: list[str], training: bool | None) -> list[Tensor]:
        tokens = [embed_values(self.tables[name], features[name], 1, training) for name in names]
        return tokens + [
            self.numbers[name](ops.cast(ops.expand_dims(features[name], -1), self.compute_dtype)) for name in numbers
        ]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, the description of the inputs in its JSON form."""
        return {
            **super().get_config(),
            "inputs": self.inputs_description.to_json(),
            "width": self.width,
            "l2": self.l2,
            "history_age": self.history_age,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FieldTokens:
        """Build the layer of a configuration that `get_config` returned."""
        return cls(**{**config, "inputs": ModelInputs.from_json(config["inputs"])})
