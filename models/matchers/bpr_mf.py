"""Matrix factorization by Bayesian Personalized Ranking: Rendle et al., UAI 2009, arXiv 1205.2618."""

from __future__ import annotations

import keras
from keras import ops

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.embedding.quotient_remainder import build_table
from interestflow.models.matchers.bpr_mf_spec import BPRMFHyperparameters
from interestflow.models.matchers.retrieval import RetrievalMatcher
from interestflow.models.tensor import Features, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class BPRMF(RetrievalMatcher):
    """Matrix factorization: a vector for each user id and each item id, and an item bias.

        score = <w_u, h_i> + b_i

    It reads no history and no attributes. A user who is not in the training log has the vector of unknown users, which
    is trained only if the log has some, and gets the most popular items.

    Args:
        inputs: description of the input tensors, user ids among them.
        hyperparameters: see `BPRMFHyperparameters`.
        catalogue: see `Matcher`.

    Raises:
        ValueError: if the inputs have no user ids.

    Example:

    >>> inputs = ModelInputs(
    ...     tasks=("click",), item_rows=10, history_length=3, history_age_buckets=4, user_rows=5
    ... )
    >>> matcher = BPRMF(inputs, BPRMFHyperparameters(embedding_dimension=4))
    >>> users = matcher.encode_user({"user": ops.array([1, 4])})
    >>> tuple(users.shape)  # one interest, and a 1 that multiplies the item bias
    (2, 1, 5)

    Reference:
        Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback, UAI 2009, arXiv 1205.2618,
        section 4.3.1.
    """

    Hyperparameters = BPRMFHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: BPRMFHyperparameters,
        catalogue: Catalogue | None = None,
        name: str | None = None,
    ) -> None:
        """Create the two tables."""
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

    def encode_user(self, features: Features, training: bool | None = None) -> Tensor:
        """Return the vector of each user's id, [B, 1, d]."""
        return self.user_vectors(ops.expand_dims(self.users(features["user"], training=training), 1))

    def encode_items(self, features: Features, training: bool | None = None) -> Tensor:
        """Return the vector of each item's id, [N, d]."""
        return self.item_vectors(self.items(features["item"], training=training), features["item"])
