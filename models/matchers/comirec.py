"""ComiRec-style multi-interest matcher: Cen et al., KDD 2020, arXiv 2005.09347, its self-attentive form."""

from __future__ import annotations

from typing import ClassVar

import keras
from keras import ops

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.attention.multi_interest_attention import MultiInterestAttention
from interestflow.models.layers.embedding.item_space import ItemSpace
from interestflow.models.matchers.comirec_spec import ComiRecHyperparameters, InterestHyperparameters
from interestflow.models.matchers.retrieval import RetrievalMatcher
from interestflow.models.tensor import Features, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class ComiRec(RetrievalMatcher):
    """ComiRec-style matcher: K interests by self-attention; the best one scores an item.

    With the behaviours' `x_j`, the item's `y` and the user's `p` of `ItemSpace`:

        u_k   = MultiInterestAttention(x)_k + p
        score = max_k <u_k, y>

    The paper's training (equation 11) scores all items by the interest that fits the target best. That interest is
    chosen by the target, which serving does not have, so an interest may specialize in some items and be right whenever
    the target is one of them. That is `readout: target`. By default training scores as serving does, each item by its
    best interest; on MovieLens-100K, a quarter more of the next items are then among the first 50.

    Ours: attributes, the user's own vector, and the loss, which in the paper is a sampled softmax.

    Args:
        inputs: description of the input tensors.
        hyperparameters: see `ComiRecHyperparameters`.
        catalogue: see `Matcher`.

    Example:

    >>> inputs = ModelInputs(tasks=("click",), item_rows=10, history_length=3, history_age_buckets=4)
    >>> matcher = ComiRec(inputs, ComiRecHyperparameters(embedding_dimension=4, interests=2, item_bias=False))
    >>> tuple(matcher.encode_user({"history_item": ops.array([[1, 2, 0]])}).shape)
    (1, 2, 4)

    Reference:
        Cen et al., Controllable Multi-Interest Framework for Recommendation, KDD 2020, arXiv 2005.09347.
    """

    Hyperparameters: ClassVar[type[InterestHyperparameters]] = ComiRecHyperparameters
    hyperparameters: InterestHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: InterestHyperparameters,
        catalogue: Catalogue | None = None,
        name: str | None = None,
    ) -> None:
        """Create the space and the attention."""
        super().__init__(inputs, hyperparameters, catalogue, name)
        h = hyperparameters
        self.space = ItemSpace(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="space")
        self.attention = MultiInterestAttention(
            self.space.width, h.interests, inputs.history_length, h.attention_units, name="attention"
        )

    def interests(self, features: Features, training: bool | None = None) -> Tensor:
        """Return the interests of the history, without the user's own vector, [B, K, d]."""
        history, mask = self.space.history(features, training=training)
        return self.attention(history, mask)

    def encode_user(self, features: Features, training: bool | None = None) -> Tensor:
        """Return each user's interests, [B, K, d]."""
        return self.add_user(self.interests(features, training), features, training)

    def encode_items(self, features: Features, training: bool | None = None) -> Tensor:
        """Return each item's vector, [N, d]."""
        return self.item_vectors(self.space.item(features, training=training), features["item"])

    def select_interests(self, users: Tensor, items: Tensor) -> Tensor:
        """Return all interests, or with `readout: target` the one that fits each row's target best, [B, 1, d]."""
        if self.hyperparameters.readout == "best":
            return users
        best = ops.argmax(ops.einsum("bkd,bd->bk", users, items), axis=1)
        return ops.take_along_axis(users, best[:, None, None], axis=1)

    def add_user(self, interests: Tensor, features: Features, training: bool | None = None) -> Tensor:
        """Add the user's own vector to each interest, [B, K, d], and return the finished user vectors."""
        return self.user_vectors(interests + self.space.user(features, training=training)[:, None])
