"""Matrix factorisation by Bayesian Personalized Ranking: Rendle et al., UAI 2009, arXiv 1205.2618."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.embedding.quotient_remainder import build_table
from interestflow.models.matchers.base import Matcher
from interestflow.models.matchers.bpr_mf_spec import BPRMFHyperparameters


@keras.saving.register_keras_serializable(package="interestflow")
class BPRMF(Matcher):
    """A vector for each user id and each item id, and a number for each item: `<w_u, h_i> + b_i`, section 4.3.1.

    No history, no attributes. A user that training has not seen has the vector of unknown users, which nothing teaches
    unless the log has some: it gets the most popular items.
    """

    Hyperparameters = BPRMFHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: BPRMFHyperparameters,
        catalogue: Catalogue | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, hyperparameters, catalogue, name)
        if inputs.user_rows is None:
            raise ValueError("`model.name` bpr_mf needs the ids of users among its inputs, received none")
        h = hyperparameters
        self.users = build_table(
            inputs.user_rows, h.embedding_dimension, inputs.user_layout, h.embedding_l2, name="user"
        )
        self.items = build_table(
            inputs.item_rows, h.embedding_dimension, inputs.item_layout, h.embedding_l2, name="item"
        )

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        return self.user_vectors(ops.expand_dims(self.users(features["user"], training=training), 1))

    def encode_items(self, features: dict[str, Any], training: bool | None = None) -> Any:
        return self.item_vectors(self.items(features["item"], training=training), features["item"])
