"""Base class of matchers that train by a retrieval loss: softmax over items of the batch or sampled items, or BPR."""

from __future__ import annotations

from typing import ClassVar

import keras
from keras import ops

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.core.unit_norm import unit_norm
from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.losses import retrieval as retrieval_losses
from interestflow.models.matchers.base import Matcher, inner_products
from interestflow.models.matchers.hyperparameters import RetrievalHyperparameters
from interestflow.models.replicas import gather_own_first
from interestflow.models.tensor import Features, Tensor


class RetrievalMatcher(Matcher):
    """Matcher whose vectors, item bias and loss follow `RetrievalHyperparameters`.

    A subclass implements `encode_user` and `encode_items`, which end in `user_vectors` and `item_vectors`. It may
    override how training scores several interests: `select_interests` and `aggregate_interests`.

    Args:
        inputs: description of the input tensors.
        hyperparameters: an instance of `Hyperparameters`.
        catalogue: see `Matcher`.
    """

    hyperparameters: RetrievalHyperparameters
    scores_by_best_interest: ClassVar[bool] = True
    """Whether training scores as `score` does; False where `aggregate_interests` does something else."""

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: RetrievalHyperparameters,
        catalogue: Catalogue | None = None,
        name: str | None = None,
    ) -> None:
        """Create the item bias and the seed generator of sampled negatives."""
        super().__init__(inputs, hyperparameters, catalogue, name)
        self.seed_generator = keras.random.SeedGenerator(name="seed_generator")
        has_bias = hyperparameters.item_bias
        self.item_bias = EmbeddingTable(inputs.item_rows, 1, 0.0, "zeros", name="item_bias") if has_bias else None

    def training_loss(self, features: Features, weights: Tensor | None = None) -> Tensor:
        """See `Matcher`: the weighted mean over the global batch of `row_losses`, plus what layers add."""
        with self.collect_losses():
            users = self.encode_user(features, training=True)
            items = self.encode_items(features, training=True)
            return self.weighted_mean(self.row_losses(users, items, features), weights)

    def row_losses(self, users: Tensor, items: Tensor, features: Features) -> Tensor:
        """Compute each row's loss by `hyperparameters.loss`; see `interestflow.models.losses.retrieval`.

        Args:
            users: [B, K, d], of which `select_interests` selects.
            items: [B, d], each row's target.
            features: `item` and, for `bpr`, `history_item`.

        Returns:
            float32 [B].
        """
        targets = features["item"]
        users = self.select_interests(ops.cast(users, "float32"), ops.cast(items, "float32"))
        items = ops.cast(items, "float32")
        if self.hyperparameters.loss == "in_batch_softmax":
            return self._in_batch_losses(users, items, targets)
        return self._sampled_losses(users, items, targets, features)

    def _in_batch_losses(self, users: Tensor, items: Tensor, targets: Tensor) -> Tensor:
        """Return each row's softmax loss among the items of all replicas' batches."""
        h = self.hyperparameters
        candidates, ids = gather_own_first(items), gather_own_first(targets)
        probabilities = self.catalogue.probabilities(ids) if h.popularity_correction else None
        if self.scores_by_best_interest and retrieval_losses.has_recommenders():
            return retrieval_losses.recommenders_softmax(
                users, candidates, ids, probabilities, temperature=h.temperature, hard_negatives=h.hard_negatives
            )
        scores = self.training_scores(users, candidates)
        return retrieval_losses.in_batch_softmax(
            scores, ids, probabilities, temperature=h.temperature, hard_negatives=h.hard_negatives
        )

    def _sampled_losses(self, users: Tensor, items: Tensor, targets: Tensor, features: Features) -> Tensor:
        """Return each row's loss, softmax or BPR, against items sampled for the whole batch."""
        h = self.hyperparameters
        sampled, expected = retrieval_losses.draw_negatives(
            h.negative_distribution, h.negatives, self.catalogue.counts, targets, self.seed_generator
        )
        sampled_items = self.encode_items(self.catalogue.features(sampled), training=True)
        positive = self.target_training_scores(users, items) / h.temperature
        negative = self.training_scores(users, ops.cast(sampled_items, "float32")) / h.temperature
        if h.loss == "bpr":
            return retrieval_losses.bpr(positive, negative, targets, features["history_item"], sampled)
        correction = expected if h.popularity_correction else None
        return retrieval_losses.sampled_softmax(positive, negative, targets, sampled, correction)

    def select_interests(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the vectors [B, K', d] that enter a row's loss: by default all of `users`, [B, K, d].

        Args:
            users: [B, K, d].
            items: [B, d], each row's target.
        """
        return users

    def aggregate_interests(self, products: Tensor) -> Tensor:
        """Return training scores [B, N] from inner products [B, K, N]: by default the best, as in `score`."""
        return ops.max(products, axis=1)

    def training_scores(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the training scores [B, N] of items [N, d] for users [B, K, d]."""
        return self.aggregate_interests(inner_products(users, items))

    def target_training_scores(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the training scores [B] of each row's own item [B, d] for users [B, K, d]."""
        return self.aggregate_interests(ops.einsum("bkd,bd->bk", users, items)[:, :, None])[:, 0]

    def user_vectors(self, interests: Tensor) -> Tensor:
        """Return interests [B, K, d] at unit norm, if configured, and followed by a 1 that the item bias multiplies."""
        vectors = unit_norm(interests) if self.hyperparameters.normalize else interests
        if self.item_bias is None:
            return vectors
        return ops.concatenate([vectors, ops.ones_like(vectors[..., :1])], axis=-1)

    def item_vectors(self, vectors: Tensor, ids: Tensor) -> Tensor:
        """Return vectors [N, d] of the items `ids`, [N], at unit norm, if configured, and followed by the item bias."""
        vectors = unit_norm(vectors) if self.hyperparameters.normalize else vectors
        return vectors if self.item_bias is None else ops.concatenate([vectors, self.item_bias(ids)], axis=-1)
