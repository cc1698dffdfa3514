"""Baseline that learns nothing: the most popular items for everybody."""

from __future__ import annotations

import keras
from keras import ops

from interestflow.models.layers.embedding.gather import gather_rows
from interestflow.models.matchers.base import Matcher
from interestflow.models.matchers.popularity_spec import PopularityHyperparameters
from interestflow.models.tensor import Features, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class Popularity(Matcher):
    """Matcher that ranks items by how often they are targets in training, identically for every user.

    Every user is `[1]` and every item `[log(1 + count)]`. It has no trainable weights, and its loss is always 0.

    Args:
        inputs: description of the input tensors.
        hyperparameters: see `PopularityHyperparameters`.
        catalogue: all items and their counts.

    Example:

    >>> inputs = ModelInputs(tasks=("click",), item_rows=3, history_length=3, history_age_buckets=4)
    >>> catalogue = Catalogue.from_ids(inputs, np.array([0.0, 2.0, 5.0]))
    >>> matcher = Popularity(inputs, PopularityHyperparameters(), catalogue)
    >>> users = matcher.encode_user({"history_item": ops.array([[1, 2, 0]])})
    >>> scores = matcher.score(users, matcher.encode_items({"item": ops.array([1, 2])}))
    >>> bool(scores[0, 1] > scores[0, 0])
    True
    """

    Hyperparameters = PopularityHyperparameters

    def encode_user(self, features: Features, training: bool | None = None) -> Tensor:
        """Return ones, [B, 1, 1]."""
        return ops.ones((ops.shape(features["history_item"])[0], 1, 1), "float32")

    def encode_items(self, features: Features, training: bool | None = None) -> Tensor:
        """Return `log(1 + count)`, [N, 1]."""
        return ops.log1p(gather_rows(self.catalogue.counts, features["item"]))[:, None]

    def training_loss(self, features: Features, weights: Tensor | None = None) -> Tensor:
        """Return 0."""
        return ops.zeros((), "float32")
