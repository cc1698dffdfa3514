"""Encoder of everything that a ranker reads: the target, the behaviours, and all other features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.core.masked_ops import masked_mean
from interestflow.models.layers.embedding.context_embedding import ContextEmbedding
from interestflow.models.layers.embedding.item_embedding import ItemEmbedding
from interestflow.models.tensor import Features, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class FeatureEncoder(keras.layers.Layer):
    """Vectors of the target and of the behaviours, and one vector of all other features.

        v   = e_target         the target: the embedding of its id, joined with those of its attributes
        k_j = e_j + W a_j      a behaviour: its item, and its rating, age, ... a
        o   = [o_u; o_i]       others: the user, profile, context and numbers o_u, and the target's other features

    Target and behaviours share the tables. `W a_j` is ours: in the papers a behaviour is its item alone.

    It is the rankers' counterpart of `ItemSpace`, in which matchers take inner products. Its methods split the features
    as `Ranker` does: `target` and `join` need the candidate's tensors, the other methods those of the user.

    Args:
        inputs: description of the input tensors.
        dimension: width of each embedding table.
        l2: see `EmbeddingTable`.
        history_age: whether the age of each behaviour is part of its vector.
        item_penalty: see `ItemEmbedding`.

    Example:

    >>> inputs = ModelInputs(tasks=("click",), item_rows=10, history_length=3, history_age_buckets=4)
    >>> encoder = FeatureEncoder(inputs, dimension=4)
    >>> behaviours, mask = encoder.history({"history_item": ops.array([[1, 2, 0]])})
    >>> tuple(behaviours.shape), tuple(mask.shape)
    ((1, 3, 4), (1, 3))
    """

    def __init__(
        self,
        inputs: ModelInputs,
        dimension: int,
        l2: float = 0.0,
        history_age: bool = False,
        item_penalty: keras.layers.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        """Build all embedding tables, whose sizes follow from `inputs`."""
        super().__init__(**kwargs)
        self.inputs_description = inputs
        self.sizes = {"dimension": dimension, "l2": l2, "history_age": history_age}
        self.items = ItemEmbedding(inputs, dimension, l2, item_penalty, name="items")
        self.context = ContextEmbedding(inputs, dimension, l2, history_age, name="context")
        self.width = self.items.width
        self.behaviour = keras.layers.Dense(self.width, use_bias=False, name="behaviour")
        # Callers use the methods and never call the layer itself, so Keras never builds it.
        self.built = True

    def target(self, features: Features, training: bool | None = None) -> Tensor:
        """Return the target's vector v, [B, d]."""
        return self.items.candidate(features, training=training)

    def history(self, features: Features, training: bool | None = None) -> tuple[Tensor, Tensor]:
        """Return the behaviours' vectors k, [B, T, d], arbitrary where padded, and their mask, bool [B, T]."""
        items, mask = self.items.history(features, training=training, zero_padding=False)
        return self.add_behaviour_context(items, features, training), mask

    def history_items(self, features: Features, training: bool | None = None) -> tuple[Tensor, Tensor]:
        """Return the vectors e of only the behaviours' items, [B, T, d], and their mask, bool [B, T]."""
        return self.items.history(features, training=training)

    def add_behaviour_context(self, items: Tensor, features: Features, training: bool | None = None) -> Tensor:
        """Return `k = e + W a`, [B, T, d], of the items' vectors e, [B, T, d]."""
        context = self.context.history(features, training=training)
        return items if context is None else items + self.behaviour(context)

    def history_mean(self, features: Features, training: bool | None = None) -> Tensor:
        """Return the mean over the behaviours' vectors k, [B, d]; zeros for an empty history."""
        items, mask = self.items.history(features, training=training, zero_padding=False)
        context = self.context.history(features, training=training)
        mean = masked_mean(items, mask)
        # The mean and the projection are both linear, and projecting only the mean is cheaper.
        return mean if context is None else mean + self.behaviour(masked_mean(context, mask))

    def user(self, features: Features, training: bool | None = None) -> Features:
        """Return the user's other features o_u, [B, c], as `others`; nothing where the inputs have none.

        The result is a dictionary, which a ranker merges into that of `Ranker.encode_user`.
        """
        others = self.context.user(features, training=training)
        return {} if others is None else {"others": others}

    def join(self, parts: Sequence[Tensor], user: Features, features: Features, training: bool | None = None) -> Tensor:
        """Concatenate vectors [B, d] with the other features o: the input of a ranker's MLP.

        Args:
            parts: vectors [B, ...] to put first.
            user: dictionary that holds what `user` returned.
            features: tensors of the candidate.
            training: whether the call trains.

        Returns:
            [B, c].
        """
        others = (user.get("others"), self.context.candidate(features, training=training))
        return ops.concatenate([*parts, *(part for part in others if part is not None)], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the description of the inputs and the sizes; a penalty is not kept."""
        return {**super().get_config(), "inputs": self.inputs_description.to_json(), **self.sizes}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FeatureEncoder:
        """Build the encoder of a configuration that `get_config` returned."""
        return cls(**{**config, "inputs": ModelInputs.from_json(config["inputs"])})
