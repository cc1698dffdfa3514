"""Interface of matchers: models that retrieve candidates from all items."""

from __future__ import annotations

from abc import abstractmethod

from keras import ops

from interestflow.models.base import DescribedModel
from interestflow.models.catalogue import Catalogue, CatalogueTensors
from interestflow.models.inputs import ModelInputs
from interestflow.models.matchers.hyperparameters import MatcherHyperparameters
from interestflow.models.replicas import replica_count, sum_over_replicas
from interestflow.models.tensor import Features, Tensor


class Matcher(DescribedModel):
    """Model whose user side and item side meet only in inner products, so that items can be indexed beforehand.

    A user may have several vectors, one per interest. An item is scored by the interest that fits it best.

    A subclass names the class of its hyper-parameters, creates its layers in `__init__` and implements `encode_user`,
    `encode_items` and `training_loss`. All training goes through `training_loss`, a function of one batch of positives
    that runs in any graph, on one replica or several. What is learned within a batch alone, such as sample weights, is
    computed in there, under `stop_gradient`. What has a phase and an optimizer of its own, such as a knowledge graph,
    is trained in `on_epoch_end`. All matchers therefore share one training step: the gradient of `training_loss`.

    Args:
        inputs: description of the input tensors.
        hyperparameters: an instance of `Hyperparameters`.
        catalogue: all items, kept among the weights that are not trained. None: zeros, to be filled by loading weights.
    """

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: MatcherHyperparameters,
        catalogue: Catalogue | None = None,
        name: str | None = None,
    ) -> None:
        """Store the description, the hyper-parameters and the catalogue."""
        super().__init__(inputs, hyperparameters, name)
        self.catalogue = CatalogueTensors(inputs, catalogue, name="catalogue")

    @abstractmethod
    def encode_user(self, features: Features, training: bool | None = None) -> Tensor:
        """Compute the vectors of users' interests.

        Args:
            features: input tensors, of which `inputs.candidate_tensors` may be missing.
            training: whether the call trains.

        Returns:
            [B, K, d]. Where a user has fewer than K interests, the others repeat one of them, so that the maximum over
            K is that over the user's interests.
        """

    @abstractmethod
    def encode_items(self, features: Features, training: bool | None = None) -> Tensor:
        """Compute the vectors of items, [N, d], from only `inputs.candidate_tensors`, each [N, ...]."""

    @abstractmethod
    def training_loss(self, features: Features, weights: Tensor | None = None) -> Tensor:
        """Compute this replica's share of the loss of a batch of positives; the shares add up to the loss.

        Args:
            features: input tensors, [B, ...]; `item` is the item that the user with this history interacted with next.
            weights: weights of the rows, [B], at least 0, of which only the ratios count; None is ones. A row of weight
                0 is still among the other rows' negatives.

        Returns:
            A float32 scalar.
        """

    def score(self, users: Tensor, items: Tensor) -> Tensor:
        """Score every item for every user: the best inner product over interests.

        Args:
            users: [B, K, d], from `encode_user`.
            items: [N, d], from `encode_items`.

        Returns:
            float32 [B, N].
        """
        return ops.max(inner_products(ops.cast(users, "float32"), ops.cast(items, "float32")), axis=1)

    def call(self, features: Features, training: bool | None = None) -> Tensor:
        """Return the score of each row's own target, float32 [B]: the diagonal of `score`."""
        users = ops.cast(self.encode_user(features, training=training), "float32")
        items = ops.cast(self.encode_items(features, training=training), "float32")
        return ops.max(ops.einsum("bkd,bd->bk", users, items), axis=1)

    def on_epoch_begin(self, epoch: int) -> None:
        """Prepare an epoch, counted from 0. Called outside of any graph and replica; does nothing by default."""

    def on_epoch_end(self, epoch: int) -> None:
        """Finish an epoch before the model is evaluated or saved. Called in the same context as `on_epoch_begin`."""

    def weighted_mean(self, losses: Tensor, weights: Tensor | None) -> Tensor:
        """Average row losses over the global batch, and add the losses that layers have added.

        Args:
            losses: [B], float32.
            weights: [B], at least 0; None is ones.

        Returns:
            This replica's share of the result, a float32 scalar.
        """
        weights = ops.ones_like(losses) if weights is None else ops.cast(weights, "float32")
        loss = ops.sum(losses * weights) / ops.maximum(sum_over_replicas(ops.sum(weights)), 1e-12)
        for added_loss in self.losses:
            loss += ops.sum(ops.cast(added_loss, "float32")) / replica_count()
        return loss


def inner_products(users: Tensor, items: Tensor) -> Tensor:
    """Return the inner products [B, K, N] of users [B, K, d] and items [N, d].

    They are one product of two matrices. `einsum` would multiply B small ones, whose gradient is B matrices of all
    items.
    """
    rows, interests, width = ops.shape(users)
    flat = ops.matmul(ops.reshape(users, (-1, width)), ops.transpose(items))
    return ops.reshape(flat, (rows, interests, ops.shape(items)[0]))
