"""The battery on every registered matcher, and matchers broken on purpose, each of which it must catch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from keras import ops

import tests.models.support.matcher_battery as battery
from interestflow.models.inputs import ModelInputs
from interestflow.models.matchers.two_tower import TwoTower
from interestflow.models.matchers.two_tower_spec import TwoTowerHyperparameters
from interestflow.models.registry import build_matcher, names, spec
from tests.models.support.random_features import PLAIN, RICH, make_catalogue, random_graph

# Cases on the rich inputs. Each matcher's defaults run on the plain ones, if they have all that it needs.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "two_tower": [
        {"tower_units": (32,), "normalize": True, "temperature": 0.1, "history_age": True, "hard_negatives": 5},
        {"loss": "sampled_softmax", "negative_distribution": "log_uniform", "item_bias": False, "embedding_l2": 0.001},
    ],
    "comirec": [
        {"loss": "sampled_softmax", "history_age": True, "interests": 2, "attention_units": 5},
        {"loss": "bpr", "normalize": True, "temperature": 0.1, "negative_distribution": "uniform", "readout": "target"},
    ],
    "bpr_mf": [{"loss": "in_batch_softmax", "item_bias": False}],
    "hcn": [
        {"recent_length": 2, "routing_iterations": 1, "redundancy_weight": 0.1, "interests": 2, "history_age": True},
        {"recent_length": 3, "loss": "sampled_softmax", "normalize": True, "temperature": 0.1},
    ],
    "desmil": [{"loss": "sampled_softmax", "fourier_features": 3, "history_age": True}],
    "idnp": [
        {"aggregation": "mean", "window_length": 2, "context_length": 3, "dilations": (1,), "loss": "sampled_softmax"},
        {"divergence": "wasserstein", "history_age": True, "path_dropout": 0.0, "normalize": True, "temperature": 0.1},
    ],
    "kgat": [{"layer_units": (8,), "relation_dimension": 3, "message_dropout": 0.0}],
}
SMALL = {"embedding_dimension": 16, "weight_steps": 5}
LINEAR = "its vectors are means of the history's: 20 items have not the freedom for 64 random targets"
# Checks that a matcher need not pass, and why.
EXEMPT = {
    ("popularity", "every_input_counts"): "it knows how often an item is taken and nothing else",
    ("popularity", "it_learns_what_goes_together"): "it learns nothing",
    ("popularity", "it_overfits_64_rows"): "it learns nothing",
    ("bpr_mf", "every_input_counts"): "it knows ids alone",
    ("bpr_mf", "it_learns_what_goes_together"): "it does not see the history",
    ("bpr_mf", "it_overfits_64_rows"): "64 rows of 8 users: whoever has two targets finds one of them first",
    ("kgat", "every_input_counts"): "it knows ids alone",
    ("kgat", "it_learns_what_goes_together"): "training does not see the history",
    ("kgat", "it_overfits_64_rows"): "as bpr_mf; and what it encodes changes between epochs alone",
    ("two_tower", "it_overfits_64_rows"): LINEAR,
    ("comirec", "it_overfits_64_rows"): LINEAR,
    ("desmil", "it_overfits_64_rows"): LINEAR,
}
CASES = [
    pytest.param(name, inputs, changes, id=f"{name}-{'rich' if inputs is RICH else 'plain'}-{index}")
    for name in names("matcher")
    for index, (inputs, changes) in enumerate(
        [
            (RICH if spec(name).needs_user_ids and PLAIN.user_rows is None else PLAIN, {}),
            *((RICH, variant) for variant in VARIANTS.get(name, [{}])),
        ]
    )
]


def builder(name: str, inputs: ModelInputs, changes: dict[str, Any]) -> battery.Build:
    """Return a function that builds the model: the same function for the same case, whose model `randomized` shares."""
    return _builder(name, inputs, tuple(sorted(changes.items())))


@functools.cache
def _builder(name: str, inputs: ModelInputs, changes_by_key: tuple[tuple[str, Any], ...]) -> battery.Build:
    changes = dict(changes_by_key)
    fields = set(spec(name).hyperparameters.model_fields)
    hyperparameters = {key: value for key, value in SMALL.items() if key in fields} | changes
    catalogue = make_catalogue(inputs)
    graph = random_graph(inputs) if spec(name).needs_graph else None
    return lambda: build_matcher(name, inputs, hyperparameters, catalogue, graph)


@pytest.mark.parametrize("check", battery.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(("name", "inputs", "changes"), CASES)
def test_matcher(
    name: str, inputs: ModelInputs, changes: dict[str, Any], check: Callable[..., None], tmp_path: Path
) -> None:
    if (name, check.__name__) in EXEMPT and "tower_units" not in changes:
        pytest.skip(EXEMPT[name, check.__name__])
    check(builder(name, inputs, changes), tmp_path)


class Sound(TwoTower):
    """Matcher that passes every check; the broken ones override `pool` or another method."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.hidden = keras.layers.Dense(32, activation="relu")
        self.last = keras.layers.Dense(self.space.width)

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        history, mask = self.space.history(features, training=training)
        vectors = self.finish(self.pool(history, mask, features), features, training)
        return self.user_vectors(ops.expand_dims(vectors, 1))

    def pool(self, history: Any, mask: Any, features: dict[str, Any]) -> Any:
        valid = ops.expand_dims(ops.cast(mask, history.dtype), -1)
        return ops.sum(history * valid, axis=1) / ops.maximum(ops.sum(valid, axis=1), 1.0)

    def finish(self, vectors: Any, features: dict[str, Any], training: bool | None) -> Any:
        return self.last(self.hidden(vectors))


class IgnoresTheMask(Sound):
    def pool(self, history: Any, mask: Any, features: dict[str, Any]) -> Any:
        return ops.mean(history, axis=1)


class DividesByNothing(Sound):
    def pool(self, history: Any, mask: Any, features: dict[str, Any]) -> Any:
        valid = ops.expand_dims(ops.cast(mask, history.dtype), -1)
        return ops.sum(history * valid, axis=1) / ops.sum(valid, axis=1)


class LooksAtTheTarget(Sound):
    def pool(self, history: Any, mask: Any, features: dict[str, Any]) -> Any:
        return super().pool(history, mask, features) + self.space.item(features)


class LooksAtItsMates(Sound):
    def finish(self, vectors: Any, features: dict[str, Any], training: bool | None) -> Any:
        return super().finish(vectors - ops.mean(vectors, axis=0, keepdims=True), features, training)


class ForgetsOnSaving(Sound):
    """Model with state that is neither a weight nor in its configuration."""

    instances = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        ForgetsOnSaving.instances += 1
        self.scale = float(ForgetsOnSaving.instances)

    def finish(self, vectors: Any, features: dict[str, Any], training: bool | None) -> Any:
        return super().finish(vectors, features, training) * self.scale


class ForgetsItsCatalogue(Sound):
    """Matcher whose sampling probabilities are lost when it is reloaded."""

    def __init__(self, inputs: Any, hyperparameters: Any, catalogue: Any = None, name: Any = None) -> None:
        super().__init__(inputs, hyperparameters, None, name)
        if catalogue is not None:
            counts = catalogue.counts
            self.catalogue.probabilities = lambda items: ops.take(ops.convert_to_tensor(counts / counts.sum()), items)


class SkipsAnInput(Sound):
    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        return super().encode_user(features | {"history_item": ops.ones_like(features["history_item"])}, training)


class HasADeadWeight(Sound):
    def finish(self, vectors: Any, features: dict[str, Any], training: bool | None) -> Any:
        return self.last(ops.stop_gradient(self.hidden(vectors)))


class OverflowsInHalfPrecision(Sound):
    def pool(self, history: Any, mask: Any, features: dict[str, Any]) -> Any:
        scores = ops.where(mask, ops.sum(history, axis=-1), ops.cast(-(2.0**32) + 1, history.dtype))
        return ops.sum(ops.expand_dims(ops.softmax(scores) * ops.cast(mask, scores.dtype), -1) * history, axis=1)


class SeesNoHistory(Sound):
    def pool(self, history: Any, mask: Any, features: dict[str, Any]) -> Any:
        return 0.0 * super().pool(history, mask, features)


class ThrowsDice(Sound):
    def finish(self, vectors: Any, features: dict[str, Any], training: bool | None) -> Any:
        return super().finish(vectors + keras.random.normal(ops.shape(vectors)), features, training)


class LearnsAtInference(Sound):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.normalization = keras.layers.BatchNormalization()

    def finish(self, vectors: Any, features: dict[str, Any], training: bool | None) -> Any:
        self.normalization(vectors, training=True)
        return super().finish(vectors, features, training)


def broken(kind: type[Sound]) -> battery.Build:
    keras.saving.register_keras_serializable(package="broken")(kind)

    def build() -> Sound:
        matcher = kind(PLAIN, TwoTowerHyperparameters(embedding_dimension=16), make_catalogue(PLAIN))
        matcher.build()
        return matcher

    return build


@pytest.mark.parametrize(
    ("kind", "check", "says"),
    [
        (IgnoresTheMask, battery.longer_padding_changes_nothing, "longer padding"),
        (DividesByNothing, battery.an_empty_history_is_encoded, "should be finite"),
        (LooksAtTheTarget, battery.each_side_is_alone, "asks for 'item'"),
        (LooksAtItsMates, battery.rows_are_independent, "alone"),
        (ForgetsOnSaving, battery.saved_and_reloaded_it_is_the_same, "reloaded"),
        (ForgetsItsCatalogue, battery.saved_and_reloaded_it_is_the_same, "catalogue, reloaded"),
        (SkipsAnInput, battery.every_input_counts, "`history_item` should change a score"),
        (HasADeadWeight, battery.every_weight_learns, "/kernel"),
        (OverflowsInHalfPrecision, battery.half_precision_stays_finite, "should be finite"),
        (SeesNoHistory, battery.it_overfits_64_rows, "should find their target first"),
        (ThrowsDice, battery.inference_is_not_random, "random"),
        (LearnsAtInference, battery.inference_is_not_random, "moving_mean"),
    ],
)
def test_the_broken_one_is_caught(
    kind: type[Sound], check: Callable[[battery.Build, Path], None], says: str, tmp_path: Path
) -> None:
    check(broken(Sound), tmp_path)
    with pytest.raises(AssertionError, match=says):
        check(broken(kind), tmp_path)


def test_what_is_exempt_is_there() -> None:
    """A reason for a check or a matcher that no longer exists would hide nothing but a mistake."""
    checks = {check.__name__ for check in battery.CHECKS}
    assert {name for name, _ in EXEMPT} <= set(names("matcher"))
    assert {check for _, check in EXEMPT} <= checks
