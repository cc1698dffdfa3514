"""An HCN-style matcher: interests that compete, of a long and a short history. HCN: arXiv 2210.10547."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from models.catalogue import Catalogue
from models.inputs import ModelInputs
from models.layers.co_interest import CoInterest
from models.layers.competitive_centres import CompetitiveCentres, unit_vectors
from models.layers.history_windows import all_but_newest_of, newest_of
from models.layers.item_space import ItemSpace
from models.matcher import Matcher
from models.matcher_config import HCNHyperparameters


@keras.saving.register_keras_serializable(package="interestflow")
class HCN(Matcher):
    """HCN-style: 2K interests, K of what a user did lately and K of what they did before.

    Known of Hierarchical Multi-Interest Co-Network is its abstract: interest centres that are updated iteratively, so
    that they are less redundant, and a co-interest network of the long-term and the short-term ones. All else is our
    reconstruction:

        C_S, C_L = CompetitiveCentres of the `recent` newest behaviours, of those before them; weights of their own
        F_S, F_L = CoInterest(C_S, C_L), CoInterest(C_L, C_S)
        u_k      = [F_S; F_L]_k + p_u                             x, y and p_u of `ItemSpace`
        training:  sum_k softmax_k(<u_k, y> / t) <u_k, y>         t = `soft_temperature`, so that all interests learn
        serving:   max_k <u_k, y_i>

    Centres that no behaviour is given to are replaced by the first that has some. With `redundancy_weight`, the mean
    squared cosine between a user's interests is added to the loss; the competition alone should do.
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
        self.recent = h.recent or max(places // 4, 2)
        centres = (self.space.width, h.interests, places, h.rounds, h.centre_temperature)
        self.short_centres = CompetitiveCentres(*centres, name="short_centres")
        self.long_centres = CompetitiveCentres(*centres, name="long_centres")
        self.short_with_long = CoInterest(self.space.width, name="short_with_long")
        self.long_with_short = CoInterest(self.space.width, name="long_with_short")

    def interests(self, features: dict[str, Any], training: bool | None = None) -> tuple[Any, Any]:
        """[B, 2K, d], of the history alone, and which of them, bool [B, 2K], are used."""
        history, mask = self.space.history(features, training=training)
        short, short_used = self.short_centres(*newest_of(history, mask, self.recent))
        long, long_used = self.long_centres(*all_but_newest_of(history, mask, self.recent))
        joined = [self.short_with_long(short, long, long_used), self.long_with_short(long, short, short_used)]
        return ops.concatenate(joined, axis=1), ops.concatenate([short_used, long_used], axis=1)

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        interests, used = self.interests(features, training)
        if training and self.hyperparameters.redundancy_weight:
            self.add_loss(self.hyperparameters.redundancy_weight * redundancy(interests, used))
        first = ops.argmax(ops.cast(used, "int32"), axis=1)
        instead = ops.take_along_axis(interests, first[:, None, None], axis=1)
        interests = ops.where(used[:, :, None], interests, instead)
        # Where there is no history at all, all is of the user.
        interests = ops.where(ops.any(used, axis=1)[:, None, None], interests, ops.zeros_like(interests))
        return self.user_vectors(interests + self.space.user(features, training=training)[:, None])

    def encode_items(self, features: dict[str, Any], training: bool | None = None) -> Any:
        return self.item_vectors(self.space.item(features, training=training), features["item"])

    def over_interests(self, products: Any) -> Any:
        weights = ops.softmax(products / self.hyperparameters.soft_temperature, axis=1)
        return ops.sum(weights * products, axis=1)


def redundancy(interests: Any, used: Any) -> Any:
    """Mean squared cosine between two interests of a user, a float32 scalar; 0 where none has two.

    Args:
        interests: [B, K, d].
        used: bool [B, K], which count.
    """
    vectors = unit_vectors(ops.cast(interests, "float32"))
    squares = ops.square(ops.einsum("bkd,bld->bkl", vectors, vectors))
    pairs = ops.logical_and(used[:, :, None], used[:, None, :])
    pairs = ops.cast(ops.logical_and(pairs, ops.logical_not(ops.eye(interests.shape[1], dtype="bool"))), "float32")
    return ops.sum(squares * pairs) / ops.maximum(ops.sum(pairs), 1.0)
