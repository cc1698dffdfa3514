"""HCN-style coarse ranker: the interests of HCN, trained on impressions. HCN: arXiv 2210.10547."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.attention.long_short_term import LongShortTermInterests, replace_unused, soft_maximum
from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.layers.embedding.item_space import ItemSpace
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.hcn_ranker_spec import HCNRankerHyperparameters


@keras.saving.register_keras_serializable(package="interestflow")
class HCNRanker(Ranker):
    """User and item meet in 2K inner products alone, so that thousands of candidates a request cost little.

    The abstract of HCN says that it ranks coarsely; the equations are our reconstruction, as those of the matcher:

        u_k     = LongShortTermInterests(x_1, ..., x_T)_k + p_u              x, y and p_u of `ItemSpace`
        s       = sum_k softmax_k(<u_k, y> / t) <u_k, y>          t = `readout_temperature`
        logit_i = a_i s + b_item,i + c_i . p_u + d_i              of task i

    The loss is the rankers' own, of impressions with labels, where the matcher knows positives alone.

    Args:
        inputs: which tensors there are, and their sizes.
        hyperparameters: see `HCNRankerHyperparameters`.
    """

    Hyperparameters = HCNRankerHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: HCNRankerHyperparameters,
        item_counts: Any | None = None,
        name: str | None = None,
    ) -> None:
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
        self.of_product = keras.layers.Dense(tasks, kernel_initializer="ones", dtype="float32", name="of_product")
        has_user = self.space.user_projection is not None
        self.of_user = keras.layers.Dense(tasks, use_bias=False, dtype="float32", name="of_user") if has_user else None
        self.item_bias = EmbeddingTable(inputs.item_rows, tasks, 0.0, "zeros", name="bias") if h.item_bias else None

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        interests = replace_unused(*self.horizons(*self.space.history(features, training=training)))
        user = self.space.user(features, training=training)
        own = {} if self.of_user is None else {"logits": self.of_user(user)}
        return {"interests": interests + user[:, None], **own}

    def score_candidates(self, user: Any, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        item = self.space.item(features, training=training)
        products = ops.cast(ops.sum(user["interests"] * item[:, None], axis=-1), "float32")
        return self._to_logits(products, user.get("logits"), features, training)

    def rank(self, features: dict[str, Any]) -> dict[str, Any]:
        # The products of all candidates at once; no user is repeated.
        user, candidates, count = self.apart(features)
        items = ops.reshape(self.space.item(candidates), (-1, count, self.space.width))
        products = ops.matmul(items, ops.transpose(user["interests"], (0, 2, 1)))
        products = ops.reshape(ops.cast(products, "float32"), (-1, products.shape[-1]))
        own = ops.repeat(user["logits"], count, axis=0) if "logits" in user else None
        logits = self._to_logits(products, own, candidates, training=False)
        return {task: ops.reshape(values, (-1, count)) for task, values in logits.items()}

    def _to_logits(self, products: Any, own: Any, features: dict[str, Any], training: bool | None) -> dict[str, Any]:
        best = soft_maximum(products, self.hyperparameters.readout_temperature)
        scores = self.of_product(best[:, None])
        if own is not None:
            scores += own
        if self.item_bias is not None:
            scores += ops.cast(self.item_bias(features["item"], training=training), "float32")
        return self.to_logits(scores)
