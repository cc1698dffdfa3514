"""The plain baseline of the matchers: the mean of the history's vectors."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.core.masked_ops import masked_mean
from interestflow.models.layers.core.mlp_tower import MLPTower
from interestflow.models.layers.embedding.item_space import ItemSpace
from interestflow.models.matchers.base import Matcher
from interestflow.models.matchers.two_tower_spec import TwoTowerHyperparameters


@keras.saving.register_keras_serializable(package="interestflow")
class TwoTower(Matcher):
    """One vector a user, the mean of the history's: `u = mean_j x_j + p_u`, in the space of `ItemSpace`.

    With `tower_units`, each side goes through an MLP of its own and a last linear layer, the two towers of Covington et
    al. (RecSys 2016) and Yi et al. (RecSys 2019). Without, behaviours and targets share their vectors and the model is
    FISM's (Kabbur et al., KDD 2013) with a softmax, which learns more from few data. Our reconstruction of a baseline.
    """

    Hyperparameters = TwoTowerHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: TwoTowerHyperparameters,
        catalogue: Catalogue | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, hyperparameters, catalogue, name)
        h = hyperparameters
        self.space = ItemSpace(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="space")
        self.user_tower = self._tower("user_tower")
        self.item_tower = self._tower("item_tower")

    def _tower(self, name: str) -> keras.Sequential | None:
        h = self.hyperparameters
        if not h.tower_units:
            return None
        last = keras.layers.Dense(self.space.width, name=f"{name}_last")
        return keras.Sequential([MLPTower(h.tower_units, h.activation, h.dropout, name=f"{name}_mlp"), last], name=name)

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        history, mask = self.space.history(features, training=training)
        vectors = masked_mean(history, mask) + self.space.user(features, training=training)
        if self.user_tower is not None:
            vectors = self.user_tower(vectors, training=training)
        return self.user_vectors(ops.expand_dims(vectors, 1))

    def encode_items(self, features: dict[str, Any], training: bool | None = None) -> Any:
        vectors = self.space.item(features, training=training)
        if self.item_tower is not None:
            vectors = self.item_tower(vectors, training=training)
        return self.item_vectors(vectors, features["item"])
