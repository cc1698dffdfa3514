"""A DESMIL-style matcher: interests that are made independent by weighing examples. DESMIL: arXiv 2207.07910."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.models.losses.independence import fourier_features, independence_weights
from interestflow.models.matchers.comirec import ComiRec
from interestflow.models.matchers.desmil_spec import DESMILHyperparameters


@keras.saving.register_keras_serializable(package="interestflow")
class DESMIL(ComiRec):
    """ComiRec, whose examples are weighed so that interests that come together in the log are learned apart.

    Known of Deep Stable Multi-Interest Learning, from its abstract: interests by attention of which the most relevant
    is used, and sample weights that minimise their dependence, measured by HSIC with random Fourier features. That the
    extractor is ComiRec's, the kernel, the objective and all hyper-parameters are our reconstruction.

    In each batch, from the interests U of its rows, which are not differentiated through:

        w    = argmin HSIC_w(U) / HSIC_equal(U) + `weight_penalty` * (B sum_b w_b^2 - 1)   models/losses/independence.py
        loss = sum_b w_b * (ComiRec's loss of row b)

    with fresh Fourier features each time, so that w suits the distribution and not the features. In the first epoch all
    rows count alike: interests that mean nothing yet need not be told apart. With several replicas each weighs its own
    rows. Serving knows nothing of the weights: it is ComiRec's.
    """

    Hyperparameters = DESMILHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: DESMILHyperparameters,
        catalogue: Catalogue | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, hyperparameters, catalogue, name)
        self.steps = self.add_weight(
            name="weight_steps", shape=(), dtype="int32", initializer="zeros", trainable=False, autocast=False
        )

    def on_epoch_begin(self, epoch: int) -> None:
        self.steps.assign(self.hyperparameters.weight_steps if epoch > 0 else 0)

    def training_loss(self, features: dict[str, Any], weights: Any | None = None) -> Any:
        with self.collect_losses():
            interests = self.interests(features, training=True)
            learned, _ = self.row_weights(interests)
            weights = learned if weights is None else learned * ops.cast(weights, "float32")
            users = self._beside_the_user(interests, features, training=True)
            items = self.encode_items(features, training=True)
            return self.weighted_mean(self.row_losses(users, items, features), weights)

    def row_weights(self, interests: Any) -> tuple[Any, Any]:
        """Weights [B], of mean 1, for interests [B, K, d], and to what share they lower the dependence."""
        h = self.hyperparameters
        interests = ops.stop_gradient(ops.cast(interests, "float32"))
        features = fourier_features(interests, h.fourier_features, self.draws)
        weights, share = independence_weights(
            features, ops.convert_to_tensor(self.steps), h.weight_learning_rate, h.weight_penalty
        )
        size = ops.cast(ops.shape(interests)[0], "float32")
        return ops.stop_gradient(size * weights), share
