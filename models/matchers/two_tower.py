"""Plain baseline of the matchers: the mean of the history's vectors."""

from __future__ import annotations

import keras
from keras import ops

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.core.masked_ops import masked_mean
from interestflow.models.layers.core.mlp_tower import MLPTower
from interestflow.models.layers.embedding.item_space import ItemSpace
from interestflow.models.matchers.retrieval import RetrievalMatcher
from interestflow.models.matchers.two_tower_spec import TwoTowerHyperparameters
from interestflow.models.tensor import Features, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class TwoTower(RetrievalMatcher):
    """Mean-pooling two-tower model with one vector per user.

    With the behaviours' `x_j`, the item's `y` and the user's `p` of `ItemSpace`:

        u     = mean_j x_j + p
        score = <u, y>

    With `tower_units`, each side goes through an MLP of its own and a last linear layer, as in the two towers of
    Covington et al. and Yi et al. Without, behaviours and targets share their vectors, and the model is FISM with a
    softmax, which learns more from few data. It is our reconstruction of a baseline.

    Args:
        inputs: description of the input tensors.
        hyperparameters: see `TwoTowerHyperparameters`.
        catalogue: see `Matcher`.

    Example:

    >>> inputs = ModelInputs(tasks=("click",), item_rows=10, history_length=3, history_age_buckets=4)
    >>> matcher = TwoTower(inputs, TwoTowerHyperparameters(embedding_dimension=4))
    >>> users = matcher.encode_user({"history_item": ops.array([[1, 2, 0]])})
    >>> items = matcher.encode_items({"item": ops.array([3, 4, 5])})
    >>> tuple(matcher.score(users, items).shape)
    (1, 3)

    Reference:
        Covington et al., Deep Neural Networks for YouTube Recommendations, RecSys 2016; Yi et al., RecSys 2019;
        Kabbur et al., FISM, KDD 2013.
    """

    Hyperparameters = TwoTowerHyperparameters
    hyperparameters: TwoTowerHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: TwoTowerHyperparameters,
        catalogue: Catalogue | None = None,
        name: str | None = None,
    ) -> None:
        """Create the space and the towers."""
        super().__init__(inputs, hyperparameters, catalogue, name)
        h = hyperparameters
        self.space = ItemSpace(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="space")
        self.user_tower = self._build_tower("user_tower")
        self.item_tower = self._build_tower("item_tower")

    def _build_tower(self, name: str) -> keras.Sequential | None:
        """Return an MLP and a linear layer; None where no tower is configured."""
        h = self.hyperparameters
        if not h.tower_units:
            return None
        last = keras.layers.Dense(self.space.width, name=f"{name}_last")
        return keras.Sequential([MLPTower(h.tower_units, h.activation, h.dropout, name=f"{name}_mlp"), last], name=name)

    def encode_user(self, features: Features, training: bool | None = None) -> Tensor:
        """Return each user's vector, [B, 1, d]."""
        history, mask = self.space.history(features, training=training)
        vectors = masked_mean(history, mask) + self.space.user(features, training=training)
        if self.user_tower is not None:
            vectors = self.user_tower(vectors, training=training)
        return self.user_vectors(ops.expand_dims(vectors, 1))

    def encode_items(self, features: Features, training: bool | None = None) -> Tensor:
        """Return each item's vector, [N, d]."""
        vectors = self.space.item(features, training=training)
        if self.item_tower is not None:
            vectors = self.item_tower(vectors, training=training)
        return self.item_vectors(vectors, features["item"])
