"""The battery on every registered ranker, and rankers broken on purpose, each of which it must catch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.rankers.pooled import PooledHyperparameters, PooledRanker
from interestflow.models.registry import build_ranker, names, spec
from tests.models.support import ranker_battery as battery
from tests.models.support.random_features import COMPACT, PLAIN, RICH

# Cases on the rich inputs. Each ranker's defaults run on the plain ones, and on the rich ones if it has no cases here.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "pooled": [{"activation": "dice", "history_age": True, "embedding_l2": 0.01}],
    "din": [
        {"attention_normalization": "softmax", "history_age": True, "activation": "prelu"},
        {"attention_activation": "dice", "item_bias": False},
        {"attention_activation": "prelu", "batch_normalization": True, "embedding_l2": 0.01},
        {"mini_batch_aware_l2": 0.01, "attention_units": (8,), "activation": "sigmoid"},
    ],
    "dien": [
        {"evolution": "agru", "attention": "mlp", "attention_units": (8,), "history_age": True},
        {"evolution": "aigru", "auxiliary_weight": 0.0, "item_bias": False, "activation": "prelu"},
        {"evolution": "augru_released", "embedding_l2": 0.01},
    ],
    "diffumin": [
        {"channels": 2, "top_k": 1, "top_share": 0.5, "recent_length": 2, "denoising_steps": 3, "history_age": True},
        {"diffusion_weight": 0.1, "contrast_weight": 0.1, "denoising_steps": 1, "activation": "prelu"},
    ],
    "infnet": [
        {"variant": "v2", "behaviour_type": "device", "history_age": True},
        {"behaviour_type": "rating"},
        {"blocks": 1, "field_proxies": 2, "task_proxies": 1, "activation": "dice", "embedding_l2": 0.01},
    ],
    "hcn_ranker": [
        {"interests": 2, "recent_length": 2, "routing_iterations": 1, "history_age": True, "embedding_l2": 0.01}
    ],
    "shared_bottom": [{"activation": "dice", "history_age": True, "embedding_l2": 0.01}],
    "tin": [
        {"temporal_encoding": "both", "target_representation": "released", "batch_normalization": True},
        {"temporal_encoding": "gap", "item_bias": False, "activation": "prelu", "embedding_l2": 0.01},
    ],
}
# Models that build their tables in different places.
IN_COMPACT_TABLES = ("pooled", "infnet")
SMALL = {"embedding_dimension": 4, "tower_units": (16, 8), "denoising_steps": 2}
# The model has no tower: what it overfits has to fit into its vectors.
WIDER = {"hcn_ranker": {"embedding_dimension": 8}}
CASES = [
    pytest.param(name, inputs, changes, id=f"{name}-{'rich' if inputs is RICH else 'plain'}-{index}")
    for name in names("ranker")
    for index, (inputs, changes) in enumerate([(PLAIN, {}), *((RICH, variant) for variant in VARIANTS.get(name, [{}]))])
] + [pytest.param(name, COMPACT, {}, id=f"{name}-compact") for name in IN_COMPACT_TABLES]


def builder(name: str, inputs: ModelInputs, changes: dict[str, Any]) -> battery.Build:
    """Return a function that builds the model: the same function for the same case, whose model `randomized` shares."""
    return _builder(name, inputs, tuple(sorted(changes.items())))


@functools.cache
def _builder(name: str, inputs: ModelInputs, changes_by_key: tuple[tuple[str, Any], ...]) -> battery.Build:
    changes = dict(changes_by_key)
    fields = set(spec(name).hyperparameters.model_fields)
    hyperparameters = {key: value for key, value in SMALL.items() if key in fields} | WIDER.get(name, {}) | changes
    counts = np.arange(inputs.item_rows) if "mini_batch_aware_l2" in changes else None
    return lambda: build_ranker(name, inputs, hyperparameters, counts)


@pytest.mark.parametrize("check", battery.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(("name", "inputs", "changes"), CASES)
def test_ranker(
    name: str, inputs: ModelInputs, changes: dict[str, Any], check: Callable[..., None], tmp_path: Path
) -> None:
    check(builder(name, inputs, changes), tmp_path)


class Sound(PooledRanker):
    """Ranker that passes every check; the broken ones override `pool` or `finish`."""

    def __init__(self, inputs: ModelInputs, hyperparameters: Any, item_counts: Any = None, name: Any = None) -> None:
        super().__init__(inputs, hyperparameters, item_counts, name)
        self.output_layer = keras.layers.Dense(1, dtype="float32")
        self.hidden = keras.layers.Dense(16, activation="relu")

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        history, mask = self.encoder.history_items(features, training=training)
        return self.pool(history, mask)

    def score_candidates(self, user: Any, features: dict[str, Any], training: bool | None = None) -> Any:
        target = self.encoder.target(features, training=training)
        hidden = self.hidden(ops.concatenate([user, target], axis=-1))
        return self.to_logits(self.finish(self.output_layer(hidden), features, training))

    def pool(self, history: Any, mask: Any) -> Any:
        valid = ops.expand_dims(ops.cast(mask, history.dtype), -1)
        return ops.sum(history * valid, axis=1) / ops.maximum(ops.sum(valid, axis=1), 1.0)

    def finish(self, scores: Any, features: dict[str, Any], training: bool | None) -> Any:
        return scores


class IgnoresTheMask(Sound):
    def pool(self, history: Any, mask: Any) -> Any:
        return ops.mean(history, axis=1)


class DividesByNothing(Sound):
    def pool(self, history: Any, mask: Any) -> Any:
        valid = ops.expand_dims(ops.cast(mask, history.dtype), -1)
        return ops.sum(history * valid, axis=1) / ops.sum(valid, axis=1)


class LooksAtItsMates(Sound):
    """Ranker that uses statistics of the batch at inference."""

    def finish(self, scores: Any, features: dict[str, Any], training: bool | None) -> Any:
        return scores - ops.mean(scores, axis=0, keepdims=True)


class ForgetsOnSaving(Sound):
    """Model with state that is neither a weight nor in its configuration."""

    instances = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        ForgetsOnSaving.instances += 1
        self.scale = float(ForgetsOnSaving.instances)

    def finish(self, scores: Any, features: dict[str, Any], training: bool | None) -> Any:
        return scores * self.scale


class AsksPython(Sound):
    """Ranker whose graph calls Python, which no server can run."""

    def finish(self, scores: Any, features: dict[str, Any], training: bool | None) -> Any:
        return tf.ensure_shape(tf.numpy_function(lambda values: values, [scores], tf.float32), scores.shape)


class SkipsAnInput(Sound):
    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        ones = ops.ones_like(features["history_item"])
        return super().encode_user(features | {"history_item": ones}, training)


class HasADeadWeight(Sound):
    def pool(self, history: Any, mask: Any) -> Any:
        return ops.stop_gradient(self.encoder.behaviour(super().pool(history, mask)))


class OverflowsInHalfPrecision(Sound):
    """The fill of the authors' code, -2^32 + 1, is minus infinity in float16."""

    def pool(self, history: Any, mask: Any) -> Any:
        scores = ops.where(mask, ops.sum(history, axis=-1), ops.cast(-(2.0**32) + 1, history.dtype))
        return ops.sum(ops.expand_dims(ops.softmax(scores) * ops.cast(mask, scores.dtype), -1) * history, axis=1)


class SeesTheTargetAlone(Sound):
    def pool(self, history: Any, mask: Any) -> Any:
        return 0.0 * super().pool(history, mask)


class AsksForTheLabel(Sound):
    def finish(self, scores: Any, features: dict[str, Any], training: bool | None) -> Any:
        return scores if training else scores + 0.0 * features["label_click"][:, None]


class ThrowsDice(Sound):
    def finish(self, scores: Any, features: dict[str, Any], training: bool | None) -> Any:
        return scores + keras.random.normal(ops.shape(scores))


class LearnsAtInference(Sound):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.normalization = keras.layers.BatchNormalization()

    def finish(self, scores: Any, features: dict[str, Any], training: bool | None) -> Any:
        self.normalization(scores, training=True)
        return scores


class RanksByPosition(Sound):
    """Ranker whose scores for several candidates differ from its scores one by one."""

    def rank(self, features: dict[str, Any]) -> Any:
        return {task: ops.flip(values, axis=1) for task, values in super().rank(features).items()}


def broken(kind: type[Sound]) -> battery.Build:
    keras.saving.register_keras_serializable(package="broken")(kind)

    def build() -> Sound:
        ranker = kind(PLAIN, PooledHyperparameters(embedding_dimension=4))
        ranker.build()
        return ranker

    return build


@pytest.mark.parametrize(
    ("kind", "check", "says"),
    [
        (IgnoresTheMask, battery.longer_padding_changes_nothing, "longer padding"),
        (DividesByNothing, battery.an_empty_history_is_scored, "should be finite"),
        (LooksAtItsMates, battery.rows_are_independent, "alone"),
        (ForgetsOnSaving, battery.saved_and_reloaded_it_is_the_same, "reloaded"),
        (AsksPython, battery.exported_it_is_the_same, "its graph has PyFunc"),
        (SkipsAnInput, battery.every_input_counts, "`history_item` should change a logit"),
        (HasADeadWeight, battery.every_weight_learns, "behaviour/kernel"),
        (OverflowsInHalfPrecision, battery.half_precision_stays_finite, "should be finite"),
        (SeesTheTargetAlone, battery.it_overfits_64_rows, "should fall below"),
        (AsksForTheLabel, battery.inference_needs_features_alone, "label_click"),
        (ThrowsDice, battery.inference_needs_features_alone, "random"),
        (RanksByPosition, battery.ranking_is_scoring_one_by_one, "ranked together"),
        (LearnsAtInference, battery.inference_needs_features_alone, "moving_mean"),
    ],
)
def test_the_broken_one_is_caught(
    kind: type[Sound], check: Callable[[battery.Build, Path], None], says: str, tmp_path: Path
) -> None:
    check(broken(Sound), tmp_path)
    with pytest.raises(AssertionError, match=says):
        check(broken(kind), tmp_path)
