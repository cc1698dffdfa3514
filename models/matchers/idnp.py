"""Reconstruction of Interest Dynamics via Neural Processes: Du et al., WSDM 2023, arXiv 2208.04600."""

from __future__ import annotations

from typing import NamedTuple

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
from interestflow.models.matchers.idnp_spec import IDNPHyperparameters
from interestflow.models.matchers.retrieval import RetrievalMatcher
from interestflow.models.tensor import Features, Tensor


class Observations(NamedTuple):
    """Observed values of B users' interests as functions of time, from histories only.

    Attributes:
        windows: [B, C, d], encodings of the behaviours before each outcome.
        times: [B, C, w], encodings of the outcomes' times.
        outcomes: [B, C, d], the behaviour after each window.
        valid: bool [B, C], which windows have an outcome.
        query: [B, d], encoding of the newest window, which no behaviour follows yet.
        query_time: [B, w], encoding of the present.
    """

    windows: Tensor
    times: Tensor
    outcomes: Tensor
    valid: Tensor
    query: Tensor
    query_time: Tensor


@keras.saving.register_keras_serializable(package="interestflow")
class IDNP(RetrievalMatcher):
    """Neural process of interests: a user's interest is a function of time, observed after windows of behaviours.

    With the behaviours' `x_j`, the items' `y` and the user's `p` of `ItemSpace`, the window of the `window_length`
    behaviours before behaviour j, and its time `t_j` before now (`history_age`, a bucket of its logarithm; now is 0):

        r_j  = DilatedAttention of the window before j                    the query's r_q: of the newest window
        c_j  = x_j + MLP([r_j; t_j; x_j])                                 a point of the context
        r_d  = sum_j softmax_j(<Q [r_q; t_q], K [r_j; t_j]> / sqrt(d)) c_j     deterministic path
        z    ~ q(z | C) = LatentPath(c_j of the context C)                latent path; in serving, its mean
        u    = r_d + W MLP([r_d; z; r_q; t_q]) + p

    In training, the context C is a random subset, of random size, of the windows in the history. z is sampled from the
    larger set of all windows and the target, and the loss is

        loss(u, target) + divergence_weight * D(q(z | all) || q(z | C)),

    the negative evidence lower bound, in which the retrieval loss stands for the likelihood and D is the
    Kullback-Leibler divergence, or the squared 2-Wasserstein distance. The target enters q(z | all) and nothing else.
    All windows of C end before it, since they are the history's: they hold what is known when the target is predicted.

    Certain, from the abstract and summaries: an encoder of dilated convolutions and attention, a deterministic and a
    latent path, a decoder that joins both with the query's interest and the user's embedding, and a random split into
    context and target. Our reconstruction: all equations; that the likelihood is of a row's one target, since the log's
    other behaviours are rows of their own; the shortcuts `x_j` of the points and `r_d` of the decoder, without which an
    item has to be recovered through two networks; that the first behaviour is an outcome too, of an empty window; and
    `path_dropout`, which leaves some rows no `r_d`.

    Without a context the latent path returns its value of an empty set and `r_d` is 0: a user is the query's window
    alone.

    Args:
        inputs: description of the input tensors.
        hyperparameters: see `IDNPHyperparameters`.
        catalogue: see `Matcher`.

    Example:

    >>> inputs = ModelInputs(tasks=("click",), item_rows=10, history_length=3, history_age_buckets=4)
    >>> matcher = IDNP(inputs, IDNPHyperparameters(embedding_dimension=4, item_bias=False))
    >>> history = {"history_item": ops.array([[1, 2, 0]]), "history_age": ops.array([[2, 1, 0]])}
    >>> tuple(matcher.encode_user(history).shape), tuple(matcher.uncertainty(history).shape)
    ((1, 1, 4), (1,))

    Reference:
        Du et al., IDNP: Interest Dynamics Modeling using Generative Neural Processes for Sequential Recommendation,
        WSDM 2023, arXiv 2208.04600.
    """

    Hyperparameters = IDNPHyperparameters
    hyperparameters: IDNPHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: IDNPHyperparameters,
        catalogue: Catalogue | None = None,
        name: str | None = None,
    ) -> None:
        """Create the layers and the weight of the divergence, which epochs change."""
        super().__init__(inputs, hyperparameters, catalogue, name)
        h = hyperparameters
        self.space = ItemSpace(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="space")
        width = self.space.width
        self.steps = min(h.context_length, inputs.history_length) + h.window_length
        self.encoder = DilatedAttention(width, h.window_length, h.dilations, name="encoder")
        self.point = MLPTower((width,), "relu", name="point")
        self.point_last = keras.layers.Dense(width, name="point_last")
        self.path_query = keras.layers.Dense(width, use_bias=False, name="path_query")
        self.path_key = keras.layers.Dense(width, use_bias=False, name="path_key")
        self.latent = LatentPath(width, h.aggregation, name="latent")
        self.decoder = MLPTower(h.decoder_units, "relu", name="decoder")
        self.decoder_last = keras.layers.Dense(width, name="decoder_last")
        self.random = keras.random.SeedGenerator(name="random")
        self.divergence_weight = self.add_weight(
            name="divergence_weight", shape=(), initializer="zeros", trainable=False, dtype="float32", autocast=False
        )
        self.on_epoch_begin(0)
        for layer, input_width in self._input_widths().items():
            layer.build((None, input_width))

    def _input_widths(self) -> dict[keras.layers.Layer, int]:
        """Return the width of each layer's input."""
        width, time = self.space.width, self.hyperparameters.time_dimension
        return {
            self.encoder: width,
            self.point: 2 * width + time,
            self.point_last: width,
            self.path_query: width + time,
            self.path_key: width + time,
            self.latent: width,
            self.decoder: 3 * width + time,
            self.decoder_last: self.hyperparameters.decoder_units[-1],
        }

    def on_epoch_begin(self, epoch: int) -> None:
        """Raise the divergence's weight linearly to its full value."""
        h = self.hyperparameters
        self.divergence_weight.assign(h.divergence_weight * min(1.0, (epoch + 1) / h.divergence_warm_up))

    def encode_user(self, features: Features, training: bool | None = None) -> Tensor:
        """Return each user's vector, [B, 1, d], from the mean of the latent path."""
        observed = self.observe(features, training)
        points = self.points(observed)
        mean, _ = self.latent(points, observed.valid)
        return self.decode(observed, points, observed.valid, mean, features, training)

    def encode_items(self, features: Features, training: bool | None = None) -> Tensor:
        """Return each item's vector, [N, d]."""
        return self.item_vectors(self.space.item(features, training=training), features["item"])

    def observe(self, features: Features, training: bool | None = None) -> Observations:
        """Encode the newest windows of the history and the behaviour after each, without the target."""
        h = self.hyperparameters
        history, mask = newest_features(features, self.steps)
        steps, _ = self.space.history(history, training=training)
        encoded = self.encoder(steps, mask)
        ages = history["history_age"][:, h.window_length :]
        times = ops.cast(sinusoidal_encoding(ages, h.time_dimension), steps.dtype)
        now = ops.cast(sinusoidal_encoding(ops.zeros_like(ages[:, 0]), h.time_dimension), steps.dtype)
        outcomes, valid = steps[:, h.window_length :], mask[:, h.window_length :]
        return Observations(encoded[:, :-1], times, outcomes, valid, encoded[:, -1], now)

    def points(self, observed: Observations) -> Tensor:
        """Return the points c, [B, C, d], of the observed windows."""
        return self._points(observed.windows, observed.times, observed.outcomes)

    def _points(self, windows: Tensor, times: Tensor, outcomes: Tensor) -> Tensor:
        """Return the points c, [..., d], of windows [..., d], times [..., w] and outcomes [..., d]."""
        return outcomes + self.point_last(self.point(ops.concatenate([windows, times, outcomes], axis=-1)))

    def decode(
        self,
        observed: Observations,
        points: Tensor,
        context: Tensor,
        z: Tensor,
        features: Features,
        training: bool | None = None,
    ) -> Tensor:
        """Compute the users' vectors.

        Args:
            observed: observations of the histories.
            points: [B, C, d], their points.
            context: bool [B, C], the points that the deterministic path sees.
            z: [B, d], of the latent path.
            features: input tensors of the users.
            training: whether some rows go without the deterministic path.

        Returns:
            [B, 1, d].
        """
        query = ops.concatenate([observed.query, observed.query_time], axis=-1)
        keys = self.path_key(ops.concatenate([observed.windows, observed.times], axis=-1))
        products = ops.einsum("bd,bcd->bc", self.path_query(query), keys)
        weights = masked_softmax(ops.cast(products, "float32") / float(self.space.width) ** 0.5, context)
        path = masked_sum(ops.expand_dims(ops.cast(weights, points.dtype), -1) * points, context)
        if training and self.hyperparameters.path_dropout:
            uniform = keras.random.uniform((ops.shape(path)[0], 1), seed=self.random)
            path = path * ops.cast(uniform >= self.hyperparameters.path_dropout, path.dtype)
        joined = ops.concatenate([path, ops.cast(z, path.dtype), query], axis=-1)
        vectors = path + self.decoder_last(self.decoder(joined, training=training))
        vectors += self.space.user(features, training=training)
        return self.user_vectors(ops.expand_dims(vectors, 1))

    def training_loss(self, features: Features, weights: Tensor | None = None) -> Tensor:
        """See `Matcher`; the loss is that of the class's docstring."""
        with self.collect_losses():
            users, divergences = self.encode_for_training(features)
            losses = self.row_losses(users, self.encode_items(features, training=True), features)
            losses += ops.convert_to_tensor(self.divergence_weight) * divergences
            return self.weighted_mean(losses, weights)

    def encode_for_training(self, features: Features) -> tuple[Tensor, Tensor]:
        """Encode users with a z sampled from all windows and the target, and with a random context.

        Returns:
            Users [B, 1, d], and the divergence D of each row, [B].
        """
        observed = self.observe(features, training=True)
        points, context = self.points(observed), self.sample_context(observed.valid)
        target = self._points(observed.query, observed.query_time, self.space.item(features, training=True))
        all_points = ops.concatenate([points, target[:, None]], axis=1)
        all_valid = ops.concatenate([observed.valid, ops.ones_like(observed.valid[:, :1])], axis=1)
        posterior, prior = self.latent(all_points, all_valid), self.latent(points, context)
        z = posterior[0] + posterior[1] * keras.random.normal(ops.shape(posterior[0]), seed=self.random)
        divergence = gaussian_divergence if self.hyperparameters.divergence == "kl" else wasserstein_distance
        return self.decode(observed, points, context, z, features, training=True), divergence(*posterior, *prior)

    def sample_context(self, valid: Tensor) -> Tensor:
        """Select a random number, from one to all, of each row's valid windows, bool [B, C]; all equally likely."""
        order = ops.where(valid, keras.random.uniform(ops.shape(valid), seed=self.random), 2.0)
        ranks = ops.argsort(ops.argsort(order, axis=1), axis=1)
        count = ops.sum(ops.cast(valid, "float32"), axis=1, keepdims=True)
        size = 1.0 + ops.floor(count * keras.random.uniform(ops.shape(count), seed=self.random))
        return ops.logical_and(valid, ops.cast(ranks, "float32") < size)

    def uncertainty(self, features: Features) -> Tensor:
        """Return the mean standard deviation of q(z | C), float32 [B]: how little the history reveals of the user."""
        observed = self.observe(features)
        return ops.mean(self.latent(self.points(observed), observed.valid)[1], axis=-1)
