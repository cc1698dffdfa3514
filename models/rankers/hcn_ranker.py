"""HCN-style coarse ranker: the interests of HCN, trained on impressions. HCN: arXiv 2210.10547."""

from __future__ import annotations

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.attention.long_short_term import LongShortTermInterests, replace_unused, soft_maximum
from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.layers.embedding.item_space import ItemSpace
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.hcn_ranker_spec import HCNRankerHyperparameters
from interestflow.models.tensor import Features, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class HCNRanker(Ranker):
    """HCN-style coarse ranker: user and item meet only in 2K inner products.

    Thousands of candidates per request therefore cost little. With the behaviours' `x_j`, the item's `y` and the
    user's `p` of `ItemSpace`:

        u_k     = LongShortTermInterests(x_1, ..., x_T)_k + p
        s       = sum_k softmax_k(<u_k, y> / t) <u_k, y>          t = `readout_temperature`
        logit_i = a_i s + b_item,i + c_i . p + d_i                of task i

    Certain, from HCN's abstract: that it ranks coarsely. All equations are our reconstruction, as are those of the
    matcher. The loss is the rankers' own, on impressions with labels, where the matcher knows positives alone.

    Args:
        inputs: description of the input tensors.
        hyperparameters: see `HCNRankerHyperparameters`.

    Example:

    >>> inputs = ModelInputs(tasks=("click",), item_rows=10, history_length=3, history_age_buckets=4)
    >>> ranker = HCNRanker(inputs, HCNRankerHyperparameters(embedding_dimension=4))
    >>> history = {"history_item": ops.array([[1, 2, 0]]), "history_age": ops.array([[2, 1, 0]])}
    >>> tuple(ranker.rank({"item": ops.array([[3, 4]]), **history})["click"].shape)
    (1, 2)

    Reference:
        HCN, Hierarchical Multi-Interest Co-Network, arXiv 2210.10547.
    """

    Hyperparameters = HCNRankerHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: HCNRankerHyperparameters,
        item_counts: Tensor | None = None,
        name: str | None = None,
    ) -> None:
        """Create the layers."""
        super().__init__(inputs, hyperparameters, item_counts, name)
        h, tasks = hyperparameters, len(inputs.tasks)
        self.space = ItemSpace(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="space")
        sizes = (
            self.space.width,
            h.interests,
            inputs.history_length,
            h.recent_length,
            h.routing_iterations,
            h.routing_temperature,
        )
        self.horizons = LongShortTermInterests(*sizes, name="horizons")
        self.product_weight = keras.layers.Dense(
            tasks, kernel_initializer="ones", dtype="float32", name="product_weight"
        )
        has_user = self.space.user_projection is not None
        self.user_score = (
            keras.layers.Dense(tasks, use_bias=False, dtype="float32", name="user_score") if has_user else None
        )
        self.item_bias = EmbeddingTable(inputs.item_rows, tasks, 0.0, "zeros", name="bias") if h.item_bias else None
        self.readout_temperature = h.readout_temperature

    def encode_user(self, features: Features, training: bool | None = None) -> Features:
        """Return `interests`, [B, 2K, d], and `logits`, [B, tasks], of the user only, if the inputs have users."""
        interests = replace_unused(*self.horizons(*self.space.history(features, training=training)))
        user = self.space.user(features, training=training)
        logits = {} if self.user_score is None else {"logits": self.user_score(user)}
        return {"interests": interests + user[:, None], **logits}

    def score_candidates(self, user: Features, features: Features, training: bool | None = None) -> dict[str, Tensor]:
        """Return the logits [B] by task."""
        item = self.space.item(features, training=training)
        products = ops.cast(ops.sum(user["interests"] * item[:, None], axis=-1), "float32")
        return self._score_products(products, user.get("logits"), features, training)

    def rank(self, features: Features) -> dict[str, Tensor]:
        """Return the logits [B, N] by task, by one product of matrices per user; no user is repeated."""
        user, candidates, count = self.encode_request(features)
        items = ops.reshape(self.space.item(candidates), (-1, count, self.space.width))
        products = ops.matmul(items, ops.transpose(user["interests"], (0, 2, 1)))
        products = ops.reshape(ops.cast(products, "float32"), (-1, products.shape[-1]))
        user_logits = ops.repeat(user["logits"], count, axis=0) if "logits" in user else None
        logits = self._score_products(products, user_logits, candidates, training=False)
        return {task: ops.reshape(values, (-1, count)) for task, values in logits.items()}

    def _score_products(
        self, products: Tensor, user_logits: Tensor | None, features: Features, training: bool | None
    ) -> dict[str, Tensor]:
        """Return the logits [B] by task, from inner products [B, 2K] and the user's logits [B, tasks]."""
        best = soft_maximum(products, self.readout_temperature)
        scores = self.product_weight(best[:, None])
        if user_logits is not None:
            scores += user_logits
        if self.item_bias is not None:
            scores += ops.cast(self.item_bias(features["item"], training=training), "float32")
        return self.to_logits(scores)
