"""Interest Dynamics via Neural Processes, reconstructed: after Du et al., WSDM 2023, arXiv 2208.04600."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

from interestflow.models.catalogue import Catalogue
from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.attention.dilated_attention import DilatedAttention
from interestflow.models.layers.core.masked_ops import masked_softmax, masked_sum
from interestflow.models.layers.core.mlp_tower import MLPTower
from interestflow.models.layers.embedding.item_space import ItemSpace
from interestflow.models.layers.sequence.history_windows import newest_features
from interestflow.models.layers.sequence.neural_process import LatentPath, gaussian_divergence, wasserstein_distance
from interestflow.models.layers.sequence.sinusoidal_encoding import sinusoidal_encoding
from interestflow.models.matchers.base import Matcher
from interestflow.models.matchers.idnp_spec import IDNPHyperparameters


class Observations(NamedTuple):
    """What is known of B users' interests as functions of time, from histories alone.

    Attributes:
        windows: [B, C, d], the behaviours before each outcome, encoded.
        times: [B, C, w], of the outcomes, encoded.
        outcomes: [B, C, d], what came after each window.
        valid: bool [B, C].
        query: [B, d], the newest window, after which nothing has come yet.
        query_time: [B, w].
    """

    windows: Any
    times: Any
    outcomes: Any
    valid: Any
    query: Any
    query_time: Any


@keras.saving.register_keras_serializable(package="interestflow")
class IDNP(Matcher):
    """A user's interest is a function of time of which a few values are known: what followed windows of behaviours.

    With the behaviours' `x_j` and the items' `y_i` (`ItemSpace`), the window of the `window_length` behaviours before
    behaviour j, and its time `t_j` back from now (`history_age`, a bucket of its logarithm; now is 0):

        r_j  = DilatedAttention of the window before j              the query's r_q: of the newest window
        c_j  = x_j + MLP([r_j; t_j; x_j])                           a point of the context
        r_d  = sum_j softmax_j(<Q [r_q; t_q], K [r_j; t_j]> / sqrt(d)) c_j       the deterministic path
        z    ~ q(z | C) = LatentPath(c_j of the context C)          the latent path; to serve, its mean
        u    = r_d + W MLP([r_d; z; r_q; t_q]) + p_user

    Training, by `training_loss`: the context C is a random part, of random size, of the windows that the history has;
    z is drawn from the larger set, which has all of them and the target too, and
    `loss(u, target) + divergence_weight * D(q(z | all) from q(z | C))` is what is lowered: the negative evidence lower
    bound, in which the retrieval loss stands for the likelihood and D is the Kullback-Leibler divergence, or the
    squared 2-Wasserstein distance. The target enters q(z | all) and nothing else. All windows of C end before it, since
    they are the history's: what they hold is what is known when the target is asked for.

    Certain, from the abstract and summaries: an encoder of dilated convolutions and attention, a deterministic and a
    latent path, a decoder that joins both with the query's interest and the user's embedding, and a random split into
    context and target. Our reconstruction: all equations; that a row's one target is what the likelihood is of, since
    the log's other behaviours are rows of their own; the points' and the decoder's short cuts, `x_j` and `r_d`, without
    which an item has to be found anew through two networks; that the first behaviour is an outcome too, of an empty
    window; and `path_dropout`, which leaves some rows no `r_d`.

    Without a context the latent path gives what it gives of nothing and `r_d` is 0: a user is the query's window alone.

    Args:
        inputs: which tensors there are, and their sizes.
        hyperparameters: see `IDNPHyperparameters`.
        catalogue: all items.
    """

    Hyperparameters = IDNPHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: IDNPHyperparameters,
        catalogue: Catalogue | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, hyperparameters, catalogue, name)
        h = hyperparameters
        self.space = ItemSpace(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="space")
        width = self.space.width
        self.steps = min(h.context_length, inputs.history_length) + h.window_length
        self.encoder = DilatedAttention(width, h.window_length, h.dilations, name="encoder")
        self.point = MLPTower((width,), "relu", name="point")
        self.point_last = keras.layers.Dense(width, name="point_last")
        self.queries_of_path = keras.layers.Dense(width, use_bias=False, name="queries")
        self.keys_of_path = keras.layers.Dense(width, use_bias=False, name="keys")
        self.latent = LatentPath(width, h.aggregation, name="latent")
        self.decoder = MLPTower(h.decoder_units, "relu", name="decoder")
        self.decoder_last = keras.layers.Dense(width, name="decoder_last")
        self.random = keras.random.SeedGenerator(name="random")
        self.divergence_weight = self.add_weight(
            name="divergence_weight", shape=(), initializer="zeros", trainable=False, dtype="float32", autocast=False
        )
        self.on_epoch_begin(0)
        for layer, size in self._sizes().items():
            layer.build((None, size))

    def _sizes(self) -> dict[keras.layers.Layer, int]:
        """What goes into each layer."""
        width, time = self.space.width, self.hyperparameters.time_dimension
        return {
            self.encoder: width,
            self.point: 2 * width + time,
            self.point_last: width,
            self.queries_of_path: width + time,
            self.keys_of_path: width + time,
            self.latent: width,
            self.decoder: 3 * width + time,
            self.decoder_last: self.hyperparameters.decoder_units[-1],
        }

    def on_epoch_begin(self, epoch: int) -> None:
        """Raises the divergence's weight to its whole."""
        h = self.hyperparameters
        self.divergence_weight.assign(h.divergence_weight * min(1.0, (epoch + 1) / h.divergence_warm_up))

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        observed = self.observe(features, training)
        points = self.points(observed)
        mean, _ = self.latent(points, observed.valid)
        return self.decode(observed, points, observed.valid, mean, features, training)

    def encode_items(self, features: dict[str, Any], training: bool | None = None) -> Any:
        return self.item_vectors(self.space.item(features, training=training), features["item"])

    def observe(self, features: dict[str, Any], training: bool | None = None) -> Observations:
        """The newest windows of the history and what followed each; nothing of the target."""
        h = self.hyperparameters
        history, known = newest_features(features, self.steps)
        steps, _ = self.space.history(history, training=training)
        encoded = self.encoder(steps, known)
        ages = history["history_age"][:, h.window_length :]
        times = ops.cast(sinusoidal_encoding(ages, h.time_dimension), steps.dtype)
        now = ops.cast(sinusoidal_encoding(ops.zeros_like(ages[:, 0]), h.time_dimension), steps.dtype)
        outcomes, followed = steps[:, h.window_length :], known[:, h.window_length :]
        return Observations(encoded[:, :-1], times, outcomes, followed, encoded[:, -1], now)

    def points(self, observed: Observations) -> Any:
        """c [B, C, d]."""
        return self._points(observed.windows, observed.times, observed.outcomes)

    def _points(self, encoded: Any, times: Any, outcomes: Any) -> Any:
        return outcomes + self.point_last(self.point(ops.concatenate([encoded, times, outcomes], axis=-1)))

    def decode(
        self,
        observed: Observations,
        points: Any,
        context: Any,
        z: Any,
        features: dict[str, Any],
        training: bool | None = None,
    ) -> Any:
        """Vectors [B, 1, d] of users.

        Args:
            observed: of the histories.
            points: [B, C, d], of them.
            context: bool [B, C], which of them the deterministic path sees.
            z: [B, d], of the latent path.
            features: what else is known of the users.
            training: whether some rows go without the deterministic path.
        """
        query = ops.concatenate([observed.query, observed.query_time], axis=-1)
        keys = self.keys_of_path(ops.concatenate([observed.windows, observed.times], axis=-1))
        products = ops.einsum("bd,bcd->bc", self.queries_of_path(query), keys)
        weights = masked_softmax(ops.cast(products, "float32") / float(self.space.width) ** 0.5, context)
        path = masked_sum(ops.expand_dims(ops.cast(weights, points.dtype), -1) * points, context)
        if training and self.hyperparameters.path_dropout:
            drawn = keras.random.uniform((ops.shape(path)[0], 1), seed=self.random)
            path = path * ops.cast(drawn >= self.hyperparameters.path_dropout, path.dtype)
        joined = ops.concatenate([path, ops.cast(z, path.dtype), query], axis=-1)
        vectors = path + self.decoder_last(self.decoder(joined, training=training))
        vectors += self.space.user(features, training=training)
        return self.user_vectors(ops.expand_dims(vectors, 1))

    def training_loss(self, features: dict[str, Any], weights: Any | None = None) -> Any:
        """See `Matcher` and the class."""
        with self.collect_losses():
            users, distances = self.in_training(features)
            losses = self.row_losses(users, self.encode_items(features, training=True), features)
            losses += ops.convert_to_tensor(self.divergence_weight) * distances
            return self.weighted_mean(losses, weights)

    def in_training(self, features: dict[str, Any]) -> tuple[Any, Any]:
        """Users [B, 1, d], whose z is drawn from all windows and the target, and D [B] from a random context."""
        observed = self.observe(features, training=True)
        points, context = self.points(observed), self.draw_context(observed.valid)
        target = self._points(observed.query, observed.query_time, self.space.item(features, training=True))
        everything = ops.concatenate([points, target[:, None]], axis=1)
        there = ops.concatenate([observed.valid, ops.ones_like(observed.valid[:, :1])], axis=1)
        of_all, of_context = self.latent(everything, there), self.latent(points, context)
        z = of_all[0] + of_all[1] * keras.random.normal(ops.shape(of_all[0]), seed=self.random)
        distance = gaussian_divergence if self.hyperparameters.divergence == "kl" else wasserstein_distance
        return self.decode(observed, points, context, z, features, training=True), distance(*of_all, *of_context)

    def draw_context(self, valid: Any) -> Any:
        """Bool [B, C]: of each row's valid windows, some number from one to all of them, in no order."""
        order = ops.where(valid, keras.random.uniform(ops.shape(valid), seed=self.random), 2.0)
        ranks = ops.argsort(ops.argsort(order, axis=1), axis=1)
        known = ops.sum(ops.cast(valid, "float32"), axis=1, keepdims=True)
        size = 1.0 + ops.floor(known * keras.random.uniform(ops.shape(known), seed=self.random))
        return ops.logical_and(valid, ops.cast(ranks, "float32") < size)

    def uncertainty(self, features: dict[str, Any]) -> Any:
        """[B], float32: the mean deviation of q(z | C), how little the history says of the user."""
        observed = self.observe(features)
        return ops.mean(self.latent(self.points(observed), observed.valid)[1], axis=-1)
