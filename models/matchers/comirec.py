"""A ComiRec-style multi-interest matcher: Cen et al., KDD 2020, arXiv 2005.09347, its self-attentive form."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
from keras import ops

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.attention.multi_interest_attention import MultiInterestAttention
from interestflow.models.layers.embedding.item_space import ItemSpace
from interestflow.models.matchers.base import Matcher
from interestflow.models.matchers.comirec_spec import ComiRecHyperparameters, InterestHyperparameters


@keras.saving.register_keras_serializable(package="interestflow")
class ComiRec(Matcher):
    """K interests by attention, of which training moves the one that fits the target best.

        u_k = MultiInterestAttention(x)_k + p_u        x and p_u of `ItemSpace`
        score = max_k <u_k, y_i>

    The paper's training (equation 11) scores all items by the one interest that fits the target best, which knows the
    target and so is not what serving does: an interest may serve some items alone and be right whenever it is asked for
    one of them. That is `readout: target`. By itself training scores as serving does, each item by its best interest;
    on MovieLens-100K a quarter more of what comes next is then among the first 50.

    Ours: attributes and the user's own vector, and the loss, which in the paper is a sampled softmax.
    """

    Hyperparameters: ClassVar[type[InterestHyperparameters]] = ComiRecHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: InterestHyperparameters,
        catalogue: Catalogue | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, hyperparameters, catalogue, name)
        h = hyperparameters
        self.space = ItemSpace(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="space")
        self.attention = MultiInterestAttention(
            self.space.width, h.interests, inputs.history_length, h.attention_units, name="attention"
        )

    def interests(self, features: dict[str, Any], training: bool | None = None) -> Any:
        """[B, K, d], of the history alone."""
        history, mask = self.space.history(features, training=training)
        return self.attention(history, mask)

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        return self._beside_the_user(self.interests(features, training), features, training)

    def encode_items(self, features: dict[str, Any], training: bool | None = None) -> Any:
        return self.item_vectors(self.space.item(features, training=training), features["item"])

    def queries(self, users: Any, items: Any) -> Any:
        if self.hyperparameters.readout == "best":
            return users
        best = ops.argmax(ops.einsum("bkd,bd->bk", users, items), axis=1)
        return ops.take_along_axis(users, best[:, None, None], axis=1)

    def _beside_the_user(self, interests: Any, features: dict[str, Any], training: bool | None) -> Any:
        return self.user_vectors(interests + self.space.user(features, training=training)[:, None])
