"""What everybody takes: the baseline that nothing is learned for."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.layers.embedding.gather import gather_rows
from interestflow.models.matchers.base import Matcher
from interestflow.models.matchers.popularity_spec import PopularityHyperparameters


@keras.saving.register_keras_serializable(package="interestflow")
class Popularity(Matcher):
    """Every user is `[1]` and every item `[log(1 + count)]`, its count among the targets of training.

    A matcher like the others for all that is done with one; it has no trainable weights, and its loss, always 0, moves
    nothing.
    """

    Hyperparameters = PopularityHyperparameters

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        return ops.ones((ops.shape(features["history_item"])[0], 1, 1), "float32")

    def encode_items(self, features: dict[str, Any], training: bool | None = None) -> Any:
        return ops.log1p(gather_rows(self.catalogue.counts, features["item"]))[:, None]

    def training_loss(self, features: dict[str, Any], weights: Any | None = None) -> Any:
        return ops.zeros((), "float32")
