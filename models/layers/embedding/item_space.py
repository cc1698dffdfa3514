"""One space for items, behaviours and users, in which a matcher takes its inner products."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.embedding.context_embedding import ContextEmbedding
from interestflow.models.layers.embedding.item_embedding import ItemEmbedding


class ItemSpace(keras.layers.Layer):
    """Vectors of width `d = dimension * (1 + attributes)`: an item's is `ItemEmbedding`'s, and all else is added to it.

        y_i = e_i + W_y c_i      an item: id and attributes e, what else is known of it c
        x_j = e_j + W_x a_j      a behaviour: its item, and its rating, age, ... a
        p_u = W_p o_u            a user: id, profile, context and numbers o

    Args:
        inputs: the tensors that there are.
        dimension: width of each table.
        l2: see `EmbeddingTable`.
        history_age: whether the age of each behaviour is part of its vector.
    """

    def __init__(
        self, inputs: ModelInputs, dimension: int, l2: float = 0.0, history_age: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.items = ItemEmbedding(inputs, dimension, l2, name="items")
        self.context = ContextEmbedding(inputs, dimension, l2, history_age, name="context")
        self.width = self.items.width
        context = self.context
        # None where there is nothing to bring in: a layer that is never called is never built, and Keras builds a model
        # that has one anew, from made-up inputs, as soon as replicas share it.
        self.item_projection = self._linear(
            "item_projection", bool(context.candidate_categories or context.candidate_numbers)
        )
        self.behaviour_projection = self._linear(
            "behaviour_projection", bool(context.history_categories or history_age)
        )
        has_user = inputs.user_rows is not None or context.user_categories or context.user_numbers
        self.user_projection = self._linear("user_projection", bool(has_user))
        self.built = True

    def _linear(self, name: str, is_needed: bool) -> Any:
        return keras.layers.Dense(self.width, use_bias=False, name=name) if is_needed else None

    def item(self, features: dict[str, Any], training: bool | None = None) -> Any:
        """y [N, d]."""
        beside = self.context.candidate(features, training=training)
        vectors = self.items.candidate(features, training=training)
        return vectors if beside is None else vectors + self.item_projection(beside)

    def history(self, features: dict[str, Any], training: bool | None = None) -> tuple[Any, Any]:
        """x [B, T, d], of which what is padded may be anything, and the mask [B, T]."""
        vectors, mask = self.items.history(features, training=training)
        beside = self.context.history(features, training=training)
        return (vectors if beside is None else vectors + self.behaviour_projection(beside)), mask

    def user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        """p [B, d]; zeros where nothing is known of users but their history."""
        beside = self.context.user(features, training=training)
        if beside is None:
            return ops.zeros((ops.shape(features["history_item"])[0], self.width), self.compute_dtype)
        return self.user_projection(beside)
