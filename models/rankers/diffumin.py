"""Diffusion-driven Multi-Interest Network: arXiv 2508.15311, after the authors' code, which cannot run as it is."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.attention.transformer_block import TransformerBlock
from interestflow.models.layers.core.mlp_tower import MLPTower
from interestflow.models.layers.diffusion.interest_diffusion import LEVELS, InterestDenoiser
from interestflow.models.layers.diffusion.orthogonal_channels import OrthogonalChannels, route
from interestflow.models.layers.embedding.context_embedding import ContextEmbedding
from interestflow.models.layers.embedding.item_embedding import ItemEmbedding
from interestflow.models.layers.sequence.history_windows import newest_behaviours
from interestflow.models.losses.info_nce import info_nce
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.diffumin_spec import DiffuMINHyperparameters


@keras.saving.register_keras_serializable(package="interestflow")
class DiffuMIN(Ranker):
    """A long history asked in several directions that the candidate sets, each answer cleared of noise.

    With the target's vector `v` and the behaviours' `k_j = e_j + W a_j`:

        O    = OrthogonalChannels(v)                       [d, c]
        S    = k O; each behaviour goes where S is highest, a channel keeps its best
        r_i  = mean of S_ji k_j over channel i; how long it is says how well they fit
        r*_i = r_i, to unit length, noised, and denoised in a few steps (`InterestDenoiser`)
        s    = the last of TransformerBlock([newest behaviours; v])
        logits = Dense(MLP([r; r*; s; v; others]))

    Training adds the denoiser's squared error at random levels, and a contrast between projections of `r`, to unit
    length, and `r*`.
    Ours, where the code is silent or contradicts itself: the denoiser predicts the original in both; the chain starts
    at the level of its first step; padding is left out and means are over what is kept; a channel without behaviours
    is zeros; the squared error's target is not trained through; in serving the chain has no noise.

    Args:
        inputs: which tensors there are, and their sizes.
        hyperparameters: see `DiffuMINHyperparameters`.
    """

    Hyperparameters = DiffuMINHyperparameters

    def __init__(
        self,
        inputs: ModelInputs,
        hyperparameters: DiffuMINHyperparameters,
        item_counts: Any | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(inputs, hyperparameters, item_counts, name)
        h, tasks = hyperparameters, len(inputs.tasks)
        self.items = ItemEmbedding(inputs, h.embedding_dimension, h.embedding_l2, name="items")
        self.context = ContextEmbedding(inputs, h.embedding_dimension, h.embedding_l2, h.history_age, name="context")
        width = self.items.width
        self.kept, self.top_share = h.top_k, h.top_share
        self.steps, self.recent = h.denoising_steps, min(h.recent_length, inputs.history_length)
        self.diffusion_weight, self.contrast_weight = h.diffusion_weight, h.contrast_weight
        self.temperature = h.temperature
        self.behaviour = keras.layers.Dense(width, use_bias=False, name="behaviour")
        self.channels = OrthogonalChannels(min(h.channels, width), name="channels")
        self.denoiser = InterestDenoiser(width, h.heads, name="denoiser")
        self.short_term = TransformerBlock(width, h.heads, name="short_term")
        self.places = self.add_weight(name="places", shape=(self.recent + 1, width), initializer="random_normal")
        self.project = MLPTower((4 * width, width), "relu", name="project")
        self.tower = MLPTower(h.tower_units, h.activation, h.dropout, name="tower")
        self.score = keras.layers.Dense(tasks, dtype="float32", name="score")
        self.draws = keras.random.SeedGenerator()

    def build(self, input_shape: Any = None) -> None:
        width = self.items.width
        self.denoiser.build()  # of which inference calls a part
        self.project.build((None, width))  # used in training alone
        super().build(input_shape)

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        history, mask = self.items.history(features, training=training)
        beside_items = self.context.history(features, training=training)
        if beside_items is not None:
            history = history + self.behaviour(beside_items)
        newest, there = self._newest(history, mask)
        others = self.context.user(features, training=training)
        user = {"history": history, "mask": mask, "newest": newest, "there": there}
        return user | ({} if others is None else {"others": others})

    def score_candidates(self, user: Any, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        target = self.items.candidate(features, training=training)
        channels = self.channels(target)
        means, interests, has_any = self._interests(user["history"], user["mask"], channels)
        directions = ops.cast(ops.transpose(channels, (0, 2, 1)), interests.dtype)
        context = self.denoiser.context(interests, directions)
        denoised = self.denoiser.denoise(interests, context, self.steps, self.draws if training else None)
        if training:
            self._add_losses(interests, denoised, context, has_any)
        lately = self._lately(user["newest"], user["there"], target)
        flat = (-1, interests.shape[1] * interests.shape[2])
        others = [user.get("others"), self.context.candidate(features, training=training)]
        parts = [ops.reshape(means, flat), ops.reshape(denoised, flat), lately, target]
        joined = ops.concatenate([*parts, *(part for part in others if part is not None)], axis=-1)
        return self.to_logits(self.score(self.tower(joined, training=training)))

    def _interests(self, history: Any, mask: Any, channels: Any) -> tuple[Any, Any, Any]:
        """One vector a channel, [B, c, d], the same of unit length or zeros, and which have any, bool [B, c]."""
        behaviours = ops.cast(history, "float32")
        scores = ops.matmul(behaviours, channels)
        routed = route(scores, mask, self.kept, self.top_share)
        weights = ops.where(routed, scores, 0.0)
        count = ops.sum(ops.cast(routed, "float32"), axis=1)
        found = ops.matmul(ops.transpose(weights, (0, 2, 1)), behaviours) / ops.maximum(count, 1.0)[..., None]
        # From a length of zero nothing is divided, nor its gradient.
        squared = ops.sum(found**2, axis=-1, keepdims=True)
        has_any = squared > 1e-12
        unit = ops.where(has_any, found * ops.rsqrt(ops.where(has_any, squared, 1.0)), 0.0)
        return ops.cast(found, history.dtype), ops.cast(unit, history.dtype), has_any[..., 0]

    def _newest(self, history: Any, mask: Any) -> tuple[Any, Any]:
        """The newest behaviours [B, k, d], the newest last, and which of them there are, bool [B, k]."""
        return newest_behaviours(history, mask, self.recent, padding="start")

    def _lately(self, newest: Any, there: Any, target: Any) -> Any:
        """The short-term interest [B, d]: what the target becomes among the newest behaviours."""
        tokens = ops.concatenate([newest, ops.expand_dims(target, 1)], axis=1)
        tokens = tokens + ops.cast(self.places, tokens.dtype)
        there = ops.concatenate([there, ops.ones_like(there[:, :1])], axis=1)
        return self.short_term(ops.transpose(tokens, (1, 0, 2)), ops.transpose(there))

    def _add_losses(self, interests: Any, denoised: Any, context: Any, has_any: Any) -> None:
        counted = ops.cast(has_any, "float32")
        if self.diffusion_weight:
            shape = ops.shape(interests)
            levels = keras.random.randint(shape[:2], 0, LEVELS, seed=self.draws)
            noise = keras.random.normal(shape, dtype=interests.dtype, seed=self.draws)
            found = self.denoiser(self.denoiser.add_noise(interests, noise, levels), context, levels)
            difference = ops.cast(found, "float32") - ops.cast(ops.stop_gradient(interests), "float32")
            errors = ops.mean(difference**2, axis=-1)
            self.add_loss(self.diffusion_weight * ops.sum(errors * counted) / ops.maximum(ops.sum(counted), 1.0))
        if self.contrast_weight:
            views = [self._projected(each) for each in (interests, denoised)]
            self.add_loss(self.contrast_weight * info_nce(views[0], views[1], self.temperature, has_any))

    def _projected(self, vectors: Any) -> Any:
        flat = ops.reshape(vectors, (-1, vectors.shape[-1]))
        return ops.reshape(self.project(flat), (-1, vectors.shape[1], vectors.shape[2]))
