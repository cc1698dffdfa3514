"""Embeddings of items: the candidate and the behaviours of the history."""

from __future__ import annotations

from typing import Any, Self

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.embedding.embedding_table import embed_values
from interestflow.models.layers.embedding.quotient_remainder import build_table
from interestflow.models.replicas import LossesByReplica
from interestflow.models.tensor import Features, Shape, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class ItemEmbedding(LossesByReplica, keras.layers.Layer):
    """Item vectors: the embedding of the id, concatenated with those of the item's attributes.

    `d = dimension * (1 + attributes)`. Candidate and history share every table. A list-valued attribute is the mean
    over its values.

    Args:
        inputs: description of the input tensors, of which `inputs.item_attributes` are concatenated.
        dimension: size of each embedding.
        l2: see `EmbeddingTable`.
        item_penalty: layer of `(ids [N], table) -> loss` on the table of ids, which training adds.

    Raises:
        ValueError: if there is an `item_penalty`, and `inputs.item_layout` has no row for every item.

    Example:

    >>> inputs = ModelInputs(("click",), item_rows=9, history_length=3, history_age_buckets=8)
    >>> layer = ItemEmbedding(inputs, dimension=4)
    >>> tuple(layer.candidate({"item": ops.array([8, 1])}).shape)
    (2, 4)
    >>> vectors, mask = layer.history({"history_item": ops.array([[5, 8, 0]])})
    >>> np.asarray(mask)
    array([[ True,  True, False]])
    """

    def __init__(
        self,
        inputs: ModelInputs,
        dimension: int,
        l2: float = 0.0,
        item_penalty: keras.layers.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        """Create and build the tables."""
        super().__init__(**kwargs)
        if item_penalty is not None and inputs.item_layout is not None:
            raise ValueError("`item_penalty` needs a row for every item, received `inputs.item_layout`, which has none")
        self.inputs_description, self.dimension, self.l2 = inputs, dimension, l2
        self.items = build_table(inputs.item_rows, dimension, inputs.item_layout, l2, name="item")
        self.item_penalty = item_penalty
        self.attributes = [
            build_table(attribute.rows, dimension, attribute.layout, l2, name=attribute.name)
            for attribute in inputs.item_attributes
        ]
        self.width = dimension * (1 + len(self.attributes))
        self.build()

    def build(self, *_: Shape) -> None:
        """Build the tables and the penalty, which only training calls but whose counts are among the weights."""
        for layer in (self.items, *self.attributes, *([] if self.item_penalty is None else [self.item_penalty])):
            layer.build()
        self.built = True

    # Candidate and history are two lookups: the gradient of one lookup whose result is split would be padded with zeros
    # to the size of the whole.

    def candidate(self, features: Features, training: bool | None = None) -> Tensor:
        """Embed `item` [B] and its attributes: [B, d]."""
        vectors = [self.items(features["item"], training=training)]
        vectors += [embed_values(table, features[table.name], 1, training) for table in self.attributes]
        return ops.concatenate(vectors, axis=-1)

    def history(
        self, features: Features, training: bool | None = None, zero_padding: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Embed the history: vectors [B, T, d] and the mask bool [B, T] of its behaviours.

        Vectors are zero where padded with `zero_padding`; for its absence see `EmbeddingTable.call`.
        """
        return self._embed_history("history_", features, training, zero_padding)

    def history_negatives(self, features: Features, training: bool | None = None) -> tuple[Tensor, Tensor]:
        """Embed the sampled negative of each behaviour: vectors [B, T, d] and their mask."""
        return self._embed_history("history_negative_", features, training)

    def _embed_history(
        self, prefix: str, features: Features, training: bool | None, zero_padding: bool = True
    ) -> tuple[Tensor, Tensor]:
        items = features[f"{prefix}item"]
        vectors = [self.items(items, training=training, zero_padding=zero_padding)]
        vectors += [
            embed_values(table, features[f"{prefix}{table.name}"], 2, training, zero_padding)
            for table in self.attributes
        ]
        return ops.concatenate(vectors, axis=-1), items != 0

    def penalize(self, features: Features) -> None:
        """Add the loss of `item_penalty`, if there is one, for all items of the batch."""
        if self.item_penalty is not None:
            ids = ops.concatenate([features["item"], ops.reshape(features["history_item"], (-1,))], axis=0)
            self.add_loss(self.item_penalty(ids, self.items.table))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        penalty = None if self.item_penalty is None else keras.saving.serialize_keras_object(self.item_penalty)
        return {
            **super().get_config(), "inputs": self.inputs_description.to_json(), "dimension": self.dimension,
            "l2": self.l2, "item_penalty": penalty,
        }  # fmt: skip

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build the layer that `get_config` describes."""
        penalty = config["item_penalty"]
        penalty = None if penalty is None else keras.saving.deserialize_keras_object(penalty)
        return cls(**{**config, "inputs": ModelInputs.from_json(config["inputs"]), "item_penalty": penalty})
