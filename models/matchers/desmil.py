"""DESMIL-style matcher: interests that example weights make independent. DESMIL: arXiv 2207.07910."""

from __future__ import annotations

from typing import ClassVar

import keras
from keras import ops

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.models.losses.independence import fourier_features, independence_weights
from interestflow.models.matchers.comirec import ComiRec
from interestflow.models.matchers.comirec_spec import InterestHyperparameters
from interestflow.models.matchers.desmil_spec import DESMILHyperparameters
from interestflow.models.tensor import Features, Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class DESMIL(ComiRec):
    """DESMIL-style matcher: ComiRec with example weights under which its interests are nearly independent.

    Interests that occur together in the log are thereby learned separately. In each batch, from the interests U of its
    rows, through which no gradient goes:

        w    = argmin_w HSIC_w(U) / HSIC_equal(U) + `weight_penalty` * (B sum_b w_b^2 - 1)
        loss = sum_b w_b * (ComiRec's loss of row b)

    by `interestflow.models.losses.independence`, with fresh Fourier features in each batch, so that w fits the
    distribution and not the features. In the first epoch all rows count alike, since interests that mean nothing yet
    need not be separated. With several replicas each weighs its own rows. Serving does not use the weights: it is
    ComiRec's.

    Certain, from the abstract of Deep Stable Multi-Interest Learning: interests by attention, the most relevant of
    which is used, and sample weights that minimize their dependence, measured by HSIC with random Fourier features. Our
    reconstruction: that the extractor is ComiRec's, the kernel, the objective and all hyper-parameters.

    Args:
        inputs: description of the input tensors.
        hyperparameters: see `DESMILHyperparameters`.
        catalogue: see `Matcher`.

    Example:

    >>> inputs = ModelInputs(tasks=("click",), item_rows=10, history_length=3, history_age_buckets=4)
    >>> matcher = DESMIL(inputs, DESMILHyperparameters(embedding_dimension=4, interests=2))
    >>> matcher.on_epoch_begin(1)  # the weights are learned from the second epoch on
    >>> weights, _ = matcher.row_weights(ops.convert_to_tensor(np.random.default_rng(1).normal(size=(8, 2, 4))))
    >>> round(float(ops.mean(weights)), 3)
    1.0

    Reference:
        DESMIL, Deep Stable Multi-Interest Learning, arXiv 2207.07910.
    """

    Hyperparameters: ClassVar[type[InterestHyperparameters]] = DESMILHyperparameters
    hyperparameters: DESMILHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: DESMILHyperparameters,
        catalogue: Catalogue | None = None,
        name: str | None = None,
    ) -> None:
        """Create ComiRec's layers and the number of steps by which weights are learned, which epochs change."""
        super().__init__(inputs, hyperparameters, catalogue, name)
        self.steps = self.add_weight(
            name="weight_steps", shape=(), dtype="int32", initializer="zeros", trainable=False, autocast=False
        )

    def on_epoch_begin(self, epoch: int) -> None:
        """Switch the weights on from the second epoch."""
        self.steps.assign(self.hyperparameters.weight_steps if epoch > 0 else 0)

    def training_loss(self, features: Features, weights: Tensor | None = None) -> Tensor:
        """See `Matcher`; the learned weights of rows multiply those given."""
        with self.collect_losses():
            interests = self.interests(features, training=True)
            learned, _ = self.row_weights(interests)
            weights = learned if weights is None else learned * ops.cast(weights, "float32")
            users = self.add_user(interests, features, training=True)
            items = self.encode_items(features, training=True)
            return self.weighted_mean(self.row_losses(users, items, features), weights)

    def row_weights(self, interests: Tensor) -> tuple[Tensor, Tensor]:
        """Learn the weights of a batch's rows.

        Args:
            interests: [B, K, d].

        Returns:
            Weights [B], of mean 1, and the dependence under them as a share of that under equal weights, a scalar.
        """
        h = self.hyperparameters
        interests = ops.stop_gradient(ops.cast(interests, "float32"))
        features = fourier_features(interests, h.fourier_features, self.seed_generator)
        weights, share = independence_weights(
            features, ops.convert_to_tensor(self.steps), h.weight_learning_rate, h.weight_penalty
        )
        size = ops.cast(ops.shape(interests)[0], "float32")
        return ops.stop_gradient(size * weights), share
