"""Checks that every matcher must pass, whatever its mechanism.

Each check takes `build`, which makes the matcher with all its weights, and a folder to write to; it raises
AssertionError with a description of the failure. Weights are randomized first, as in
`ranker_battery.py`; those of the catalogue stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from interestflow.models.matchers.base import Matcher
from interestflow.serving.export.saved_model_writer import ExportError, write_saved_model
from interestflow.serving.session_model import SessionModel
from tests.models.support.gradients import gradients_by_path
from tests.models.support.matcher_training import build_step
from tests.models.support.random_features import make_features, move_weights, with_longer_padding, without_history
from tests.models.support.ranker_battery import LONGER, ROWS, assert_finite, unchanged
from tests.models.support.shared_model import SharedModel

Build = Callable[[], Matcher]
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}  # sums of some hundred float32 numbers of size 1, in another order


def build_randomized(build: Build) -> Matcher:
    """Build a matcher in its second epoch with randomized trainable weights, as after some training."""
    matcher = build()
    move_weights(matcher, scale=0.2, seed=3)
    matcher.on_epoch_begin(1)
    return matcher


randomized = SharedModel(build_randomized)
"""The same matcher for checks that follow one another with the same `build`."""


def of_the_user(matcher: Matcher, features: dict[str, Any]) -> dict[str, Any]:
    candidate = matcher.inputs_description.candidate_tensors
    return {name: values for name, values in features.items() if name not in candidate}


def of_the_item(matcher: Matcher, features: dict[str, Any]) -> dict[str, Any]:
    return {name: features[name] for name in matcher.inputs_description.candidate_tensors}


def encoded(matcher: Matcher, features: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the vectors of both sides, each encoded from its own tensors, and the scores."""
    return {
        "users": np.asarray(matcher.encode_user(of_the_user(matcher, features), training=False)),
        "items": np.asarray(matcher.encode_items(of_the_item(matcher, features), training=False)),
        "scores": np.asarray(matcher(features, training=False)),
    }


def assert_same(actual: dict[str, Any], expected: dict[str, Any], description: str) -> None:
    for name, values in expected.items():
        np.testing.assert_allclose(actual[name], values, **TOLERANCE, err_msg=f"{name} {description}")


def gradients(matcher: Matcher, features: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return gradients of the training loss by the weight's path, zeros where the loss does not depend on it."""
    with tf.GradientTape() as tape:
        loss = matcher.training_loss(features)
    return gradients_by_path(tape, loss, matcher.trainable_variables)


def longer_padding_changes_nothing(build: Build, folder: Path) -> None:
    """Longer padding changes neither inference nor the loss with the same random draws."""
    matcher = randomized(build)
    features = make_features(matcher.inputs_description, ROWS)
    longer = with_longer_padding(features, LONGER)
    assert_same(encoded(matcher, longer), encoded(matcher, features), "with longer padding")
    with unchanged(matcher):
        expected = {"loss": np.asarray(matcher.training_loss(features))}
    assert_same({"loss": np.asarray(matcher.training_loss(longer))}, expected, "with longer padding")


def an_empty_history_is_encoded(build: Build, folder: Path) -> None:
    """An empty history is handled alone, among others and in a batch of its kind, with finite gradients."""
    matcher = randomized(build)
    features = make_features(matcher.inputs_description, ROWS)
    assert not features["history_item"][0].any()
    empty = without_history(features)
    for batch in (features, empty):
        for name, values in encoded(matcher, batch).items():
            assert_finite(values, name)
        with unchanged(matcher):
            for path, gradient in gradients(matcher, batch).items():
                assert_finite(gradient, f"the gradient of {path}")


def each_side_is_alone(build: Build, folder: Path) -> None:
    """Each side depends on its own tensors only; the sides meet in `score`, of which `call` is the diagonal."""
    matcher = randomized(build)
    features = make_features(matcher.inputs_description, ROWS)
    try:
        actual = encoded(matcher, features)
    except KeyError as error:
        raise AssertionError(f"a side should need its own tensors alone, it asks for {error}") from error
    users, items = actual["users"], actual["items"]
    assert users.ndim == 3, f"users should be [B, K, d], received {list(users.shape)}"
    assert items.shape == (ROWS, users.shape[2]), f"items should be {[ROWS, users.shape[2]]}, are {list(items.shape)}"
    scores = np.asarray(matcher.score(users, items))
    by_hand = np.einsum("bkd,nd->bkn", users, items).max(axis=1)
    assert_same({"scores": scores}, {"scores": by_hand}, "of all pairs")
    assert_same({"scores": actual["scores"]}, {"scores": np.diag(scores)}, "of each row's own target")


def rows_are_independent(build: Build, folder: Path) -> None:
    """At inference a row is encoded the same alone, in another order and among others."""
    matcher = randomized(build)
    features = make_features(matcher.inputs_description, ROWS)
    expected = encoded(matcher, features)
    order = np.random.default_rng(4).permutation(ROWS)
    mixed = encoded(matcher, {name: values[order] for name, values in features.items()})
    assert_same(mixed, {name: values[order] for name, values in expected.items()}, "in another order")
    for row in range(0, ROWS, 3):
        alone = encoded(matcher, {name: values[row : row + 1] for name, values in features.items()})
        assert_same(alone, {name: values[row : row + 1] for name, values in expected.items()}, f"of row {row} alone")


def saved_and_reloaded_it_is_the_same(build: Build, folder: Path) -> None:
    """Saving and reloading keeps all outputs, as a whole model with its catalogue and by weights alone."""
    matcher = randomized(build)
    features = make_features(matcher.inputs_description, ROWS)
    expected = encoded(matcher, features)
    matcher.save(folder / "matcher.keras")
    matcher.save_weights(folder / "matcher.weights.h5")
    other = build()
    other.load_weights(folder / "matcher.weights.h5")
    assert_same(encoded(other, features), expected, "reloaded by the weights")
    reloaded = keras.models.load_model(folder / "matcher.keras")
    assert_same(encoded(reloaded, features), expected, "reloaded as a model")
    ids = np.arange(matcher.inputs_description.item_rows)
    catalogue = {"counts": matcher.catalogue.probabilities(ids), **matcher.catalogue.features(ids)}
    actual = {"counts": reloaded.catalogue.probabilities(ids), **reloaded.catalogue.features(ids)}
    assert_same(actual, catalogue, "of the catalogue, reloaded")


def exported_it_is_the_same(build: Build, folder: Path) -> None:
    """The exported SavedModel gives the same outputs in a session."""
    matcher = randomized(build)
    features = make_features(matcher.inputs_description, ROWS)
    sides = {"encode_user": of_the_user(matcher, features), "encode_items": of_the_item(matcher, features)}
    signatures = {}
    for name, tensors in sides.items():
        specs = {key: tf.TensorSpec([None, *value.shape[1:]], value.dtype, key) for key, value in tensors.items()}
        encode = getattr(matcher, name)
        function = tf.function(lambda encode=encode, **given: {"vectors": encode(given)}, autograph=False)
        signatures[name] = function.get_concrete_function(**specs)
    try:
        write_saved_model(signatures, None, str(folder))
    except ExportError as error:
        raise AssertionError(str(error)) from error
    reloaded = SessionModel(folder)
    expected = encoded(matcher, features)
    for name, key in (("encode_user", "users"), ("encode_items", "items")):
        vectors = reloaded.run(name, sides[name])["vectors"]
        assert_same({key: vectors}, {key: expected[key]}, "reloaded from a SavedModel")


def every_input_counts(build: Build, folder: Path) -> None:
    """Each input tensor changes some score; the age of behaviours does if the model uses it."""
    matcher = randomized(build)
    inputs = matcher.inputs_description
    features = make_features(inputs, ROWS, full=True)
    other_features = make_features(inputs, ROWS, seed=8, full=True)
    expected = encoded(matcher, features)["scores"]
    asks_for_age = matcher.hyperparameters.model_dump().get("history_age", False)
    for name in inputs.tensors():
        if name == "history_age" and not asks_for_age:
            continue
        change = np.abs(encoded(matcher, features | {name: other_features[name]})["scores"] - expected).max()
        assert change > 1e-5, f"`{name}` should change a score, none changes by more than {change:.0e}"


def every_weight_learns(build: Build, folder: Path) -> None:
    """Every trainable weight gets a gradient on some batch, and every gradient is finite."""
    matcher = randomized(build)
    idle = {weight.path for weight in matcher.trainable_variables}
    for seed in range(3):
        for path, gradient in gradients(matcher, make_features(matcher.inputs_description, ROWS, seed)).items():
            assert_finite(gradient, f"the gradient of {path}")
            if gradient.any():
                idle.discard(path)
    assert not idle, f"every trainable weight should get a gradient, these get none: {', '.join(sorted(idle))}"


def half_precision_stays_finite(build: Build, folder: Path) -> None:
    """Vectors, scores and gradients stay finite in mixed_float16, whose largest number is 65,504."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        matcher = build_randomized(build)
    finally:
        keras.config.set_dtype_policy(before)
    assert {weight.dtype for weight in matcher.trainable_variables} <= {"float32"}
    features = make_features(matcher.inputs_description, ROWS)
    actual = encoded(matcher, features)
    for name, values in actual.items():
        assert_finite(values, f"{name} in half precision")
    assert actual["scores"].dtype == np.float32, f"scores should be float32, received {actual['scores'].dtype}"
    for path, gradient in gradients(matcher, features).items():
        assert_finite(gradient, f"the gradient of {path} in half precision")


def it_learns_what_goes_together(build: Build, folder: Path) -> None:
    """Items go in pairs: a user who took one takes the other next."""
    inputs = build().inputs_description
    features = make_features(inputs, 64, full=True)
    one = 1 + np.arange(64) % (2 * ((inputs.item_rows - 1) // 2))
    features |= {"history_item": np.repeat(one[:, None], inputs.history_length, axis=1), "item": (one - 1 ^ 1) + 1}
    _learns(build, features)


def it_overfits_64_rows(build: Build, folder: Path) -> None:
    """The matcher overfits random histories and targets."""
    _learns(build, make_features(build().inputs_description, 64, full=True))


def _learns(build: Build, features: dict[str, Any]) -> None:
    """After some training 60 of 64 users find their target first among all items but those of their history.

    A target that is in the history counts among the others.
    """
    keras.utils.set_random_seed(5)
    matcher = build()
    features = {name: tf.constant(values) for name, values in features.items()}
    features |= matcher.catalogue.features(features["item"])
    step = build_step(matcher, keras.optimizers.Adam(0.02))
    targets, rows = features["item"].numpy(), np.arange(64)
    is_seen = np.zeros((64, matcher.inputs_description.item_rows), bool)
    np.put_along_axis(is_seen, features["history_item"].numpy(), True, axis=1)
    is_seen[rows, targets] = False
    everything = matcher.catalogue.features(np.arange(is_seen.shape[1]))
    hits = 0
    for epoch in range(20):
        matcher.on_epoch_begin(epoch)
        for _ in range(30):
            step(features)
        scores = np.array(matcher.score(matcher.encode_user(features), matcher.encode_items(everything)))
        scores[is_seen] = -np.inf
        scores[:, 0] = -np.inf
        hits = int(np.sum(np.argmax(scores, axis=1) == targets))
        if hits >= 60:
            return
    raise AssertionError(f"60 of 64 users should find their target first, {hits} do")


def inference_is_not_random(build: Build, folder: Path) -> None:
    """Inference draws no random numbers and changes no variable."""
    matcher = randomized(build)
    features = make_features(matcher.inputs_description, ROWS)
    before = [variable.numpy() for variable in matcher.variables]
    keras.utils.set_random_seed(6)
    expected = encoded(matcher, features)
    keras.utils.set_random_seed(7)
    actual = encoded(matcher, features)
    assert all(np.array_equal(actual[name], expected[name]) for name in expected), "inference should not be random"
    for variable, value in zip(matcher.variables, before, strict=True):
        assert np.array_equal(variable.numpy(), value), f"inference should not change {variable.path}"


CHECKS: tuple[Callable[[Build, Path], None], ...] = (
    longer_padding_changes_nothing,
    an_empty_history_is_encoded,
    each_side_is_alone,
    rows_are_independent,
    saved_and_reloaded_it_is_the_same,
    exported_it_is_the_same,
    every_input_counts,
    every_weight_learns,
    half_precision_stays_finite,
    it_learns_what_goes_together,
    it_overfits_64_rows,
    inference_is_not_random,
)
