"""HCN-style matcher: interests that compete, of a long and a short history. HCN: arXiv 2210.10547."""

from __future__ import annotations

import keras
from keras import ops

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.attention.long_short_term import LongShortTermInterests, replace_unused, soft_maximum
from interestflow.models.layers.core.unit_norm import unit_norm
from interestflow.models.layers.embedding.item_space import ItemSpace
from interestflow.models.matchers.hcn_spec import HCNHyperparameters
from interestflow.models.matchers.retrieval import RetrievalMatcher
from interestflow.models.tensor import Features, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class HCN(RetrievalMatcher):
    """HCN-style matcher: 2K interests, K of a user's newest behaviours and K of those before.

    With the behaviours' `x_j`, the item's `y` and the user's `p` of `ItemSpace`:

        F       = LongShortTermInterests(x_1, ..., x_T)
        u_k     = F_k + p
        score   = max_k <u_k, y>                              in serving
        score   = sum_k softmax_k(<u_k, y> / t) <u_k, y>      in training, so that all interests learn;
                                                              t = `readout_temperature`

    Interest centers to which no behaviour is assigned are replaced by the first center that has some. With
    `redundancy_weight`, the mean squared cosine between a user's interests is added to the loss; the competition
    between centers alone should suffice. `hcn_ranker` is the same mechanism as a coarse ranker of impressions.

    Certain, from the abstract of Hierarchical Multi-Interest Co-Network: interest centers that are updated iteratively,
    so that they are less redundant, and a co-interest network of the long-term and the short-term ones. All else is our
    reconstruction.

    Args:
        inputs: description of the input tensors.
        hyperparameters: see `HCNHyperparameters`.
        catalogue: see `Matcher`.

    Example:

    >>> inputs = ModelInputs(tasks=("click",), item_rows=10, history_length=3, history_age_buckets=4)
    >>> matcher = HCN(inputs, HCNHyperparameters(embedding_dimension=4, interests=2, item_bias=False))
    >>> tuple(matcher.encode_user({"history_item": ops.array([[1, 2, 0]])}).shape)
    (1, 4, 4)

    Reference:
        HCN, Hierarchical Multi-Interest Co-Network, arXiv 2210.10547.
    """

    Hyperparameters = HCNHyperparameters
    hyperparameters: HCNHyperparameters
    scores_by_best_interest = False

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: HCNHyperparameters,
        catalogue: Catalogue | None = None,
        name: str | None = None,
    ) -> None:
        """Create the space and the layer of interests."""
        super().__init__(inputs, hyperparameters, catalogue, name)
        h = hyperparameters
        self.space = ItemSpace(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="space")
        self.horizons = LongShortTermInterests(
            self.space.width,
            h.interests,
            inputs.history_length,
            h.recent_length,
            h.routing_iterations,
            h.routing_temperature,
            name="horizons",
        )

    def interests(self, features: Features, training: bool | None = None) -> tuple[Tensor, Tensor]:
        """Return the interests without the user's own vector, [B, 2K, d], and which of them are used, bool [B, 2K]."""
        return self.horizons(*self.space.history(features, training=training))

    def encode_user(self, features: Features, training: bool | None = None) -> Tensor:
        """Return each user's interests, [B, 2K, d]."""
        interests, used = self.interests(features, training)
        if training and self.hyperparameters.redundancy_weight:
            self.add_loss(self.hyperparameters.redundancy_weight * redundancy(interests, used))
        interests = replace_unused(interests, used)
        return self.user_vectors(interests + self.space.user(features, training=training)[:, None])

    def encode_items(self, features: Features, training: bool | None = None) -> Tensor:
        """Return each item's vector, [N, d]."""
        return self.item_vectors(self.space.item(features, training=training), features["item"])

    def aggregate_interests(self, products: Tensor) -> Tensor:
        """Return the soft maximum over interests, [B, N], of inner products [B, 2K, N]."""
        return soft_maximum(products, self.hyperparameters.readout_temperature)


def redundancy(interests: Tensor, used: Tensor) -> Tensor:
    """Compute the mean squared cosine between two interests of a user.

    Args:
        interests: [B, K, d].
        used: bool [B, K], which of them count.

    Returns:
        A float32 scalar; 0 where no user has two interests.
    """
    vectors = unit_norm(ops.cast(interests, "float32"))
    squares = ops.square(ops.einsum("bkd,bld->bkl", vectors, vectors))
    pairs = ops.logical_and(used[:, :, None], used[:, None, :])
    pairs = ops.cast(ops.logical_and(pairs, ops.logical_not(ops.eye(interests.shape[1], dtype="bool"))), "float32")
    return ops.sum(squares * pairs) / ops.maximum(ops.sum(pairs), 1.0)
