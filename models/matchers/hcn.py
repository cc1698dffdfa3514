"""An HCN-style matcher: interests that compete, of a long and a short history. HCN: arXiv 2210.10547."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.attention.long_short_term import LongShortTermInterests, replace_unused, soft_maximum
from interestflow.models.layers.core.unit_norm import unit_norm
from interestflow.models.layers.embedding.item_space import ItemSpace
from interestflow.models.matchers.base import Matcher
from interestflow.models.matchers.hcn_spec import HCNHyperparameters


@keras.saving.register_keras_serializable(package="interestflow")
class HCN(Matcher):
    """HCN-style: 2K interests, K of what a user did lately and K of what they did before.

    Known of Hierarchical Multi-Interest Co-Network is its abstract: interest centres that are updated iteratively, so
    that they are less redundant, and a co-interest network of the long-term and the short-term ones. All else is our
    reconstruction:

        F         = LongShortTermInterests(x_1, ..., x_T)
        u_k       = F_k + p_u                                     x, y and p_u of `ItemSpace`
        training:   sum_k softmax_k(<u_k, y> / t) <u_k, y>        t = `readout_temperature`, so that all interests learn
        serving:    max_k <u_k, y_i>

    Centres that no behaviour is given to are replaced by the first that has some. With `redundancy_weight`, the mean
    squared cosine between a user's interests is added to the loss; the competition alone should do. `hcn_ranker` is the
    same as a coarse ranker of impressions.
    """

    Hyperparameters = HCNHyperparameters
    scores_by_best_interest = False

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: HCNHyperparameters,
        catalogue: Catalogue | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, hyperparameters, catalogue, name)
        h, places = hyperparameters, inputs.history_length
        self.space = ItemSpace(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="space")
        sizes = (self.space.width, h.interests, places, h.recent_length, h.routing_iterations, h.routing_temperature)
        self.horizons = LongShortTermInterests(*sizes, name="horizons")

    def interests(self, features: dict[str, Any], training: bool | None = None) -> tuple[Any, Any]:
        """[B, 2K, d], of the history alone, and which of them, bool [B, 2K], are used."""
        return self.horizons(*self.space.history(features, training=training))

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        interests, used = self.interests(features, training)
        if training and self.hyperparameters.redundancy_weight:
            self.add_loss(self.hyperparameters.redundancy_weight * redundancy(interests, used))
        interests = replace_unused(interests, used)
        return self.user_vectors(interests + self.space.user(features, training=training)[:, None])

    def encode_items(self, features: dict[str, Any], training: bool | None = None) -> Any:
        return self.item_vectors(self.space.item(features, training=training), features["item"])

    def over_interests(self, products: Any) -> Any:
        return soft_maximum(products, self.hyperparameters.readout_temperature)


def redundancy(interests: Any, used: Any) -> Any:
    """Mean squared cosine between two interests of a user, a float32 scalar; 0 where none has two.

    Args:
        interests: [B, K, d].
        used: bool [B, K], which count.
    """
    vectors = unit_norm(ops.cast(interests, "float32"))
    squares = ops.square(ops.einsum("bkd,bld->bkl", vectors, vectors))
    pairs = ops.logical_and(used[:, :, None], used[:, None, :])
    pairs = ops.cast(ops.logical_and(pairs, ops.logical_not(ops.eye(interests.shape[1], dtype="bool"))), "float32")
    return ops.sum(squares * pairs) / ops.maximum(ops.sum(pairs), 1.0)
