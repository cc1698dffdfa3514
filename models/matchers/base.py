"""The interface of models that find candidates among all items: multi-interest, sequential, graph."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import keras
from keras import ops

from interestflow.models.base import DescribedModel
from interestflow.models.catalogue import Catalogue, CatalogueTensors
from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.core.unit_norm import unit_norm
from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
from interestflow.models.losses import retrieval as retrieval_losses
from interestflow.models.matchers.hyperparameters import MatcherHyperparameters
from interestflow.models.replicas import gather_own_first, replica_count, sum_over_replicas


class Matcher(DescribedModel):
    """A model whose user side and item side meet only in inner products, so that items can be indexed beforehand.

    A user may have several vectors, one an interest, of which an item is scored by the one that fits it best.

    A subclass names its hyper-parameters' class, makes its layers in `__init__` and writes `encode_user` and
    `encode_items`, each of which ends in `user_vectors` or `item_vectors` where it follows `RetrievalHyperparameters`.
    All training goes through `training_loss`, a function of one batch of positives that runs in any graph, on one
    replica or several. What is learned within a batch alone (sample weights) is computed in there, under
    `stop_gradient`; what has a phase and an optimizer of its own (a knowledge graph) does it in `on_epoch_end`.
    So there is no training step but the one that everybody has: the gradient of `training_loss`.

    Args:
        inputs: which tensors there are, and their sizes.
        hyperparameters: an instance of `Hyperparameters`.
        catalogue: all items; kept among the weights, which do not learn. None: zeros, to be filled by loading weights.
    """

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: MatcherHyperparameters,
        catalogue: Catalogue | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, hyperparameters, name)
        self.catalogue = CatalogueTensors(inputs, catalogue, name="catalogue")
        self.draws = keras.random.SeedGenerator(name="draws") if hyperparameters.uses_retrieval_loss else None
        has_bias = hyperparameters.has_item_bias
        self.item_bias = EmbeddingTable(inputs.item_rows, 1, 0.0, "zeros", name="item_bias") if has_bias else None

    @abstractmethod
    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        """Vectors [B, K, d] of the users' K interests.

        `features` has the tensors of `ModelInputs` and may lack `inputs.candidate_tensors`. Where a user has fewer
        interests than K, the others repeat one of them, so that a maximum over K is one over what is there.
        """

    @abstractmethod
    def encode_items(self, features: dict[str, Any], training: bool | None = None) -> Any:
        """Vectors [N, d] of items, from `inputs.candidate_tensors` alone, each [N, ...]."""

    def score(self, users: Any, items: Any) -> Any:
        """Scores [B, N], float32, of every item for every user: the best inner product over interests.

        Args:
            users: [B, K, d], from `encode_user`.
            items: [N, d], from `encode_items`.
        """
        return ops.max(_products(ops.cast(users, "float32"), ops.cast(items, "float32")), axis=1)

    def call(self, features: dict[str, Any], training: bool | None = None) -> Any:
        """Scores [B], float32, of each row's own target: the diagonal of `score`, without the rest of it."""
        users = ops.cast(self.encode_user(features, training=training), "float32")
        items = ops.cast(self.encode_items(features, training=training), "float32")
        return ops.max(ops.einsum("bkd,bd->bk", users, items), axis=1)

    def on_epoch_begin(self, epoch: int) -> None:
        """Called before each epoch, counted from 0, outside of any graph and replica; by itself does nothing."""

    def on_epoch_end(self, epoch: int) -> None:
        """Likewise after each epoch, before anything is measured or saved; by itself does nothing."""

    def training_loss(self, features: dict[str, Any], weights: Any | None = None) -> Any:
        """This replica's share of the loss of a batch of positives, a float32 scalar; the shares add up to the loss.

        It is the weighted mean over the global batch of `row_losses`, plus what layers add.

        Args:
            features: the tensors of `ModelInputs` [B, ...]; `item` is what the user with this history took next.
            weights: [B], of the rows, at least 0; None is ones. Only their ratios count. A row of weight 0 is still
                among the other rows' negatives.
        """
        with self.collect_losses():
            users = self.encode_user(features, training=True)
            items = self.encode_items(features, training=True)
            return self.weighted_mean(self.row_losses(users, items, features), weights)

    def weighted_mean(self, losses: Any, weights: Any | None) -> Any:
        """This replica's share of the mean of losses [B] under weights [B], and of what layers have added."""
        weights = ops.ones_like(losses) if weights is None else ops.cast(weights, "float32")
        loss = ops.sum(losses * weights) / ops.maximum(sum_over_replicas(ops.sum(weights)), 1e-12)
        for added in self.losses:
            loss += ops.sum(ops.cast(added, "float32")) / replica_count()
        return loss

    def row_losses(self, users: Any, items: Any, features: dict[str, Any]) -> Any:
        """Losses [B], float32, by `hyperparameters.loss`, see `models/losses/retrieval.py`.

        Args:
            users: [B, K, d], by `queries` reduced to what the loss is to see.
            items: [B, d], each row's target.
            features: `item` and, for `bpr`, `history_item`.
        """
        h, own = self.hyperparameters, features["item"]
        users = self.queries(ops.cast(users, "float32"), ops.cast(items, "float32"))
        items = ops.cast(items, "float32")
        if h.loss == "in_batch_softmax":
            candidates, ids = gather_own_first(items), gather_own_first(own)
            probabilities = self.catalogue.probabilities(ids) if h.popularity_correction else None
            options = {"temperature": h.temperature, "hard_negatives": h.hard_negatives}
            if self.scores_by_best_interest and retrieval_losses.has_recommenders():
                return retrieval_losses.recommenders_softmax(users, candidates, ids, probabilities, **options)
            scores = self.training_score(users, candidates)
            return retrieval_losses.in_batch_softmax(scores, ids, probabilities, **options)
        drawn, expected = retrieval_losses.draw_negatives(
            h.negative_distribution, h.negatives, self.catalogue.counts, own, self.draws
        )
        others = ops.cast(self.encode_items(self.catalogue.features(drawn), training=True), "float32")
        positive, negative = self.training_score_of_own(users, items), self.training_score(users, others)
        if h.loss == "bpr":
            return retrieval_losses.bpr(
                positive / h.temperature, negative / h.temperature, own, features["history_item"], drawn
            )
        correction = expected if h.popularity_correction else None
        return retrieval_losses.sampled_softmax(
            positive / h.temperature, negative / h.temperature, own, drawn, correction
        )

    scores_by_best_interest: ClassVar[bool] = True
    """Whether training scores as `score` does; False where `over_interests` is another."""

    def queries(self, users: Any, items: Any) -> Any:
        """The vectors [B, K', d] that a row's loss is of: by itself all of `users` [B, K, d], `items` [B, d] unseen."""
        return users

    def over_interests(self, products: Any) -> Any:
        """Scores [B, N] in training from inner products [B, K, N]: by itself the best, as in `score`."""
        return ops.max(products, axis=1)

    def training_score(self, users: Any, items: Any) -> Any:
        """Scores [B, N] in training of items [N, d] for `queries` [B, K, d]."""
        return self.over_interests(_products(users, items))

    def training_score_of_own(self, users: Any, items: Any) -> Any:
        """Scores [B] in training of each row's own item [B, d]."""
        return self.over_interests(ops.einsum("bkd,bd->bk", users, items)[:, :, None])[:, 0]

    def user_vectors(self, interests: Any) -> Any:
        """Interests [B, K, d] as they are to be multiplied: normalised and followed by 1 where so configured."""
        vectors = self._of_length_one(interests)
        if self.item_bias is None:
            return vectors
        return ops.concatenate([vectors, ops.ones_like(vectors[..., :1])], axis=-1)

    def item_vectors(self, vectors: Any, ids: Any) -> Any:
        """Vectors [N, d] of the items of ids [N] likewise, followed by the items' own numbers."""
        vectors = self._of_length_one(vectors)
        return vectors if self.item_bias is None else ops.concatenate([vectors, self.item_bias(ids)], axis=-1)

    def _of_length_one(self, vectors: Any) -> Any:
        if not self.hyperparameters.normalize:
            return vectors
        return unit_norm(vectors)


def _products(users: Any, items: Any) -> Any:
    """Inner products [B, K, N] of users [B, K, d] and items [N, d].

    One product of two matrices: of B small ones, as `einsum` has it, the gradient would be B matrices of all items.
    """
    rows, interests, width = ops.shape(users)
    flat = ops.matmul(ops.reshape(users, (-1, width)), ops.transpose(items))
    return ops.reshape(flat, (rows, interests, ops.shape(items)[0]))
