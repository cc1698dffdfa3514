"""The interface of models that find candidates among all items: multi-interest, sequential, graph."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import keras
from keras import ops


class Matcher(keras.Model):
    """A model whose user side and item side meet only in inner products, so that items can be indexed beforehand.

    A subclass writes `encode_user` and `encode_items`. A user may have several vectors, one an interest, of which an
    item is scored by the one that fits it best; a matcher that combines them otherwise writes `score` too.
    """

    @abstractmethod
    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        """Vectors [B, K, d] of the users' K interests, from the tensors of `models/inputs.py` but the target's."""

    @abstractmethod
    def encode_items(self, features: dict[str, Any], training: bool | None = None) -> Any:
        """Vectors [N, d] of items, from their tensors alone: `item` [N] and the items' attributes."""

    def score(self, users: Any, items: Any) -> Any:
        """Scores [B, N], float32, of every item for every user: the best inner product over interests.

        Args:
            users: [B, K, d], from `encode_user`.
            items: [N, d], from `encode_items`.
        """
        products = ops.einsum("bkd,nd->bkn", ops.cast(users, "float32"), ops.cast(items, "float32"))
        return ops.max(products, axis=1)

    def call(self, features: dict[str, Any], training: bool | None = None) -> Any:
        """Scores [B], float32, of each row's own target: the diagonal of `score`, without the rest of it."""
        users = ops.cast(self.encode_user(features, training=training), "float32")
        items = ops.cast(self.encode_items(features, training=training), "float32")
        return ops.max(ops.einsum("bkd,bd->bk", users, items), axis=1)
