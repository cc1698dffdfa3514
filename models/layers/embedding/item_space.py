"""Common vector space of items, behaviours and users, in which a matcher takes its inner products."""

from __future__ import annotations

from typing import Any, Self

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.embedding.context_embedding import ContextEmbedding
from interestflow.models.layers.embedding.item_embedding import ItemEmbedding
from interestflow.models.tensor import Features, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class ItemSpace(keras.layers.Layer):
    """Vectors of width `d = dimension * (1 + attributes)`: those of `ItemEmbedding` plus projected other features.

        y_i = e_i + W_y c_i      item: id and attributes e, other attributes c
        x_j = e_j + W_x a_j      behaviour: its item e, and its rating, age, ... a
        p_u = W_p o_u            user: id, profile, context and numbers o

    Args:
        inputs: description of the input tensors.
        dimension: size of each embedding.
        l2: see `EmbeddingTable`.
        history_age: whether the age of each behaviour is part of its vector.

    Example:

    >>> inputs = ModelInputs(("click",), item_rows=9, history_length=3, history_age_buckets=8)
    >>> space = ItemSpace(inputs, dimension=4, history_age=True)
    >>> features = {"history_item": ops.array([[5, 8, 0]]), "history_age": ops.array([[2, 1, 0]])}
    >>> vectors, mask = space.history(features)
    >>> tuple(vectors.shape), tuple(space.item({"item": ops.array([1, 2])}).shape)
    ((1, 3, 4), (2, 4))
    """

    def __init__(
        self, inputs: ModelInputs, dimension: int, l2: float = 0.0, history_age: bool = False, **kwargs: Any
    ) -> None:
        """Create the embeddings and the projections."""
        super().__init__(**kwargs)
        self.inputs_description, self.dimension, self.l2, self.history_age = inputs, dimension, l2, history_age
        self.items = ItemEmbedding(inputs, dimension, l2, name="items")
        self.context = ContextEmbedding(inputs, dimension, l2, history_age, name="context")
        self.width = self.items.width
        context = self.context
        # None where there is nothing to project: a layer that is never called is never built, and Keras rebuilds a
        # model that has one, from made-up inputs, as soon as replicas share it.
        has_candidate = bool(context.candidate_categories or context.candidate_numbers)
        self.item_projection = self._projection("item_projection", has_candidate)
        has_history = bool(context.history_categories or history_age)
        self.behaviour_projection = self._projection("behaviour_projection", has_history)
        has_user = inputs.user_rows is not None or bool(context.user_categories or context.user_numbers)
        self.user_projection = self._projection("user_projection", has_user)
        self.built = True

    def _projection(self, name: str, is_needed: bool) -> keras.layers.Layer | None:
        return keras.layers.Dense(self.width, use_bias=False, name=name) if is_needed else None

    def item(self, features: Features, training: bool | None = None) -> Tensor:
        """Return the vectors y [N, d] of items."""
        vectors = self.items.candidate(features, training=training)
        if self.item_projection is None:
            return vectors
        return vectors + self.item_projection(self.context.candidate(features, training=training))

    def history(self, features: Features, training: bool | None = None) -> tuple[Tensor, Tensor]:
        """Return the vectors x [B, T, d] of behaviours, arbitrary where padded, and their mask bool [B, T]."""
        vectors, mask = self.items.history(features, training=training)
        if self.behaviour_projection is None:
            return vectors, mask
        return vectors + self.behaviour_projection(self.context.history(features, training=training)), mask

    def user(self, features: Features, training: bool | None = None) -> Tensor:
        """Return the vectors p [B, d] of users; zeros if only their history is known."""
        if self.user_projection is None:
            return ops.zeros((ops.shape(features["history_item"])[0], self.width), self.compute_dtype)
        return self.user_projection(self.context.user(features, training=training))

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
