"""Diffusion-driven Multi-Interest Network: arXiv 2508.15311, following the authors' code, which does not run."""

from __future__ import annotations

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.attention.transformer_block import TransformerBlock
from interestflow.models.layers.core.mlp_tower import MLPTower
from interestflow.models.layers.diffusion.interest_diffusion import LEVELS, DenoisingContext, InterestDenoiser
from interestflow.models.layers.diffusion.orthogonal_channels import OrthogonalChannels, route
from interestflow.models.layers.embedding.feature_encoder import FeatureEncoder
from interestflow.models.layers.sequence.history_windows import newest_behaviours
from interestflow.models.losses.info_nce import info_nce
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.diffumin_spec import DiffuMINHyperparameters
from interestflow.models.rankers.score_head import ScoreHead
from interestflow.models.tensor import Features, Shape, Tensor

SMALLEST_SQUARE = 1e-12
"""Squared norm up to which an interest counts as zero."""


@keras.saving.register_keras_serializable(package="interestflow")
class DiffuMIN(Ranker):
    """Diffusion-driven multi-interest ranker: orthogonal channels select interests, which diffusion denoises.

    With the target's vector `v`, the behaviours' `k_j` and the others `o` of `FeatureEncoder`:

        O      = OrthogonalChannels(v)                  [d, c], c directions that the candidate sets
        S      = k O                                    each behaviour is routed to the channel of its highest score,
                                                        and a channel keeps its best
        r_i    = mean_j S_ji k_j over channel i         its norm says how well the behaviours fit
        r*_i   = r_i at unit norm, noised, and denoised in a few steps (`InterestDenoiser`)
        s      = last token of TransformerBlock([newest behaviours; v])
        logits = Dense(MLP([r; r*; s; v; o]))

    Training adds the denoiser's squared error at random noise levels, and a contrastive loss between projections of
    `r` at unit norm and of `r*`.

    Certain, from the authors' code: all of the above except for the points below. Ours, where the code is silent or
    contradicts itself: the denoiser predicts the original both in training and in sampling; the chain starts at the
    noise level of its first step; padding is left out of all means; a channel without behaviours is zeros; no gradient
    goes through the target of the squared error; in serving the chain is without noise.

    Args:
        inputs: description of the input tensors.
        hyperparameters: see `DiffuMINHyperparameters`.

    Example:

    >>> inputs = ModelInputs(tasks=("click",), item_rows=10, history_length=3, history_age_buckets=4)
    >>> ranker = DiffuMIN(inputs, DiffuMINHyperparameters(embedding_dimension=4, denoising_steps=2))
    >>> history = {"history_item": ops.array([[1, 2, 0]]), "history_age": ops.array([[2, 1, 0]])}
    >>> tuple(ranker({"item": ops.array([3]), **history})["click"].shape)
    (1,)

    Reference:
        DiffuMIN, arXiv 2508.15311.
    """

    Hyperparameters = DiffuMINHyperparameters
    hyperparameters: DiffuMINHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: DiffuMINHyperparameters,
        item_counts: Tensor | None = None,
        name: str | None = None,
    ) -> None:
        """Create the layers."""
        super().__init__(inputs, hyperparameters, item_counts, name)
        h = hyperparameters
        self.encoder = FeatureEncoder(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="encoder")
        width = self.encoder.width
        self.recent_length = min(h.recent_length, inputs.history_length)
        self.channels = OrthogonalChannels(min(h.channels, width), name="channels")
        self.denoiser = InterestDenoiser(width, h.heads, name="denoiser")
        self.short_term = TransformerBlock(width, h.heads, name="short_term")
        self.positions = self.add_weight(
            name="positions", shape=(self.recent_length + 1, width), initializer="random_normal"
        )
        self.projection = MLPTower((4 * width, width), "relu", name="projection")
        self.head = ScoreHead(len(inputs.tasks), h.tower_units, h.activation, h.dropout, name="head")
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape: Shape | None = None) -> None:
        """Build all weights, those that inference does not call included."""
        self.denoiser.build()
        self.projection.build((None, self.encoder.width))
        super().build(input_shape)

    def encode_user(self, features: Features, training: bool | None = None) -> Features:
        """Return `history`, [B, T, d], the `newest` behaviours, [B, k, d], their masks, and the others."""
        history, mask = self.encoder.history(features, training)
        newest, newest_mask = newest_behaviours(history, mask, self.recent_length, padding="start")
        user = {"history": history, "mask": mask, "newest": newest, "newest_mask": newest_mask}
        return user | self.encoder.user(features, training)

    def score_candidates(self, user: Features, features: Features, training: bool | None = None) -> dict[str, Tensor]:
        """Return the logits [B] by task."""
        target = self.encoder.target(features, training)
        channels = self.channels(target)
        means, interests, has_behaviours = self._interests(user["history"], user["mask"], channels)
        directions = ops.cast(ops.transpose(channels, (0, 2, 1)), interests.dtype)
        context = self.denoiser.context(interests, directions)
        seed = self.seed_generator if training else None
        denoised = self.denoiser.denoise(interests, context, self.hyperparameters.denoising_steps, seed)
        if training:
            self._add_losses(interests, denoised, context, has_behaviours)
        short_term = self._short_term_interest(user["newest"], user["newest_mask"], target)
        flat = (-1, interests.shape[1] * interests.shape[2])
        parts = [ops.reshape(means, flat), ops.reshape(denoised, flat), short_term, target]
        joined = self.encoder.join(parts, user, features, training)
        return self.to_logits(self.head(joined, features["item"], training=training))

    def _interests(self, history: Tensor, mask: Tensor, channels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return each channel's interest r and the same at unit norm, [B, c, d], and which are not zero, bool [B, c].

        Args:
            history: [B, T, d].
            mask: bool [B, T].
            channels: [B, d, c].
        """
        h = self.hyperparameters
        behaviours = ops.cast(history, "float32")
        scores = ops.matmul(behaviours, channels)
        routed = route(scores, mask, h.top_k, h.top_share)
        weights = ops.where(routed, scores, 0.0)
        count = ops.sum(ops.cast(routed, "float32"), axis=1)
        means = ops.matmul(ops.transpose(weights, (0, 2, 1)), behaviours) / ops.maximum(count, 1.0)[..., None]
        # Not `unit_norm`: where the norm is zero, neither the value nor its gradient is divided by it.
        squared = ops.sum(means**2, axis=-1, keepdims=True)
        is_nonzero = squared > SMALLEST_SQUARE
        unit = ops.where(is_nonzero, means * ops.rsqrt(ops.where(is_nonzero, squared, 1.0)), 0.0)
        return ops.cast(means, history.dtype), ops.cast(unit, history.dtype), is_nonzero[..., 0]

    def _short_term_interest(self, newest: Tensor, mask: Tensor, target: Tensor) -> Tensor:
        """Return s, [B, d], of the newest behaviours [B, k, d] under their mask [B, k] and the target [B, d]."""
        tokens = ops.concatenate([newest, ops.expand_dims(target, 1)], axis=1)
        tokens = tokens + ops.cast(self.positions, tokens.dtype)
        mask = ops.concatenate([mask, ops.ones_like(mask[:, :1])], axis=1)
        return self.short_term(ops.transpose(tokens, (1, 0, 2)), ops.transpose(mask))

    def _add_losses(
        self, interests: Tensor, denoised: Tensor, context: DenoisingContext, has_behaviours: Tensor
    ) -> None:
        """Add the denoiser's squared error and the contrastive loss, each over channels that have behaviours.

        Args:
            interests: [B, c, d], at unit norm.
            denoised: [B, c, d].
            context: of the interests.
            has_behaviours: bool [B, c].
        """
        h, mask = self.hyperparameters, ops.cast(has_behaviours, "float32")
        if h.diffusion_weight:
            shape = ops.shape(interests)
            levels = keras.random.randint(shape[:2], 0, LEVELS, seed=self.seed_generator)
            noise = keras.random.normal(shape, dtype=interests.dtype, seed=self.seed_generator)
            predicted = self.denoiser(self.denoiser.add_noise(interests, noise, levels), context, levels)
            difference = ops.cast(predicted, "float32") - ops.cast(ops.stop_gradient(interests), "float32")
            errors = ops.mean(difference**2, axis=-1)
            self.add_loss(h.diffusion_weight * ops.sum(errors * mask) / ops.maximum(ops.sum(mask), 1.0))
        if h.contrast_weight:
            original, restored = self._project(interests), self._project(denoised)
            self.add_loss(h.contrast_weight * info_nce(original, restored, h.temperature, has_behaviours))

    def _project(self, vectors: Tensor) -> Tensor:
        """Project vectors [B, c, d] for the contrastive loss."""
        flat = ops.reshape(vectors, (-1, vectors.shape[-1]))
        return ops.reshape(self.projection(flat), (-1, vectors.shape[1], vectors.shape[2]))
