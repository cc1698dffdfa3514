"""Checks that every ranker must pass, whatever its mechanism.

Each check takes `build`, which makes the ranker with all its weights, and a folder to write to; it raises
AssertionError with a description of the failure. The weights are randomized first: what holds of fresh
weights alone (biases of zero, moving averages of mean 0 and variance 1) must not pass a check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from interestflow.models.rankers.base import Ranker
from interestflow.serving.export.saved_model_writer import ExportError, write_saved_model
from interestflow.serving.session_model import SessionModel
from tests.models.support.gradients import gradients_by_path
from tests.models.support.random_features import make_features, make_labels, with_longer_padding, without_history
from tests.models.support.shared_model import SharedModel

Build = Callable[[], Ranker]
ROWS, LONGER = 14, 3
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}  # sums of some hundred float32 numbers of size 1, in another order


def build_randomized(build: Build) -> Ranker:
    """Build a ranker with weights as after some training: none is zero, all variances and counts are positive."""
    ranker = build()
    random = np.random.default_rng(3)
    for variable in ranker.variables:
        if variable.dtype != "float32":
            continue
        if variable.trainable or variable.name.endswith("mean"):
            variable.assign(variable.numpy() + random.normal(0.0, 0.2, variable.shape))
        else:
            variable.assign(random.uniform(0.5, 2.0, variable.shape))
    return ranker


randomized = SharedModel(build_randomized)
"""The same ranker for checks that follow one another with the same `build`."""


def logits(ranker: Ranker, features: dict[str, Any], training: bool = False) -> dict[str, np.ndarray]:
    return {task: np.asarray(value) for task, value in ranker(features, training=training).items()}


def assert_same(actual: dict[str, Any], expected: dict[str, Any], description: str) -> None:
    for task, values in expected.items():
        np.testing.assert_allclose(actual[task], values, **TOLERANCE, err_msg=description)


def assert_finite(values: Any, description: str) -> None:
    assert np.all(np.isfinite(np.asarray(values, np.float32))), f"{description} should be finite"


@contextmanager
def unchanged(model: keras.Model) -> Iterator[None]:
    """Restore what a call in training changes: moving averages and random state."""
    before = [variable.numpy() for variable in model.variables]
    yield
    for variable, value in zip(model.variables, before, strict=True):
        variable.assign(value)


def gradients(ranker: Ranker, features: dict[str, Any], seed: int = 2) -> dict[str, np.ndarray]:
    """Return gradients of the training loss by the weight's path, zeros where the loss does not depend on it."""
    labels, masks = make_labels(ranker.inputs_description, len(features["item"]), seed)
    with tf.GradientTape() as tape:
        scores = ranker(features, training=True)
        loss = ranker.compute_loss(features, labels, scores, masks)
    return gradients_by_path(tape, loss, ranker.trainable_variables)


def longer_padding_changes_nothing(build: Build, folder: Path) -> None:
    """Longer padding changes neither inference nor, through batch statistics, training."""
    ranker = randomized(build)
    features = make_features(ranker.inputs_description, ROWS)
    longer = with_longer_padding(features, LONGER)
    for training in (False, True):
        with unchanged(ranker):
            expected = logits(ranker, features, training)
        with unchanged(ranker):
            assert_same(logits(ranker, longer, training), expected, f"with longer padding, training={training}")


def an_empty_history_is_scored(build: Build, folder: Path) -> None:
    """An empty history is handled alone, among others and in a batch of its kind, with finite gradients."""
    ranker = randomized(build)
    features = make_features(ranker.inputs_description, ROWS)
    assert not features["history_item"][0].any()
    empty = without_history(features)
    for batch in (features, empty):
        for task, values in logits(ranker, batch).items():
            assert values.shape == (ROWS,), f"logits of {task} should be [{ROWS}], received {list(values.shape)}"
            assert_finite(values, f"logits of {task}")
        with unchanged(ranker):
            for path, gradient in gradients(ranker, batch).items():
                assert_finite(gradient, f"the gradient of {path}")


def rows_are_independent(build: Build, folder: Path) -> None:
    """At inference a row's logits are the same alone, in another order and among others."""
    ranker = randomized(build)
    features = make_features(ranker.inputs_description, ROWS)
    expected = logits(ranker, features)
    order = np.random.default_rng(4).permutation(ROWS)
    mixed = logits(ranker, {name: values[order] for name, values in features.items()})
    assert_same(mixed, {task: values[order] for task, values in expected.items()}, "in another order")
    for row in range(0, ROWS, 3):
        alone = logits(ranker, {name: values[row : row + 1] for name, values in features.items()})
        assert_same(alone, {task: values[row : row + 1] for task, values in expected.items()}, f"row {row} alone")


def saved_and_reloaded_it_is_the_same(build: Build, folder: Path) -> None:
    """Saving and reloading keeps all outputs, as a whole model and by weights alone."""
    ranker = randomized(build)
    features = make_features(ranker.inputs_description, ROWS)
    expected = logits(ranker, features)
    ranker.save(folder / "ranker.keras")
    assert_same(logits(keras.models.load_model(folder / "ranker.keras"), features), expected, "reloaded as a model")
    ranker.save_weights(folder / "ranker.weights.h5")
    other = build()
    other.load_weights(folder / "ranker.weights.h5")
    assert_same(logits(other, features), expected, "reloaded by its weights")


def exported_it_is_the_same(build: Build, folder: Path) -> None:
    """The exported SavedModel ranks two candidates per user with the same scores in a session."""
    ranker = randomized(build)
    features = make_features(ranker.inputs_description, ROWS)
    names = ranker.inputs_description.candidate_tensors
    pairs = {name: np.stack([values] * 2, axis=1) if name in names else values for name, values in features.items()}
    free = {name: 2 if name in names else 1 for name in pairs}
    specs = {
        name: tf.TensorSpec([None] * free[name] + list(values.shape[free[name] :]), values.dtype, name)
        for name, values in pairs.items()
    }
    rank = tf.function(lambda **tensors: ranker.rank(tensors), autograph=False).get_concrete_function(**specs)
    try:
        write_saved_model({"rank": rank}, None, str(folder))
    except ExportError as error:
        raise AssertionError(str(error)) from error
    ranked = SessionModel(folder).run("rank", pairs)
    expected = logits(ranker, features)
    for candidate in range(2):
        actual = {task: np.asarray(values)[:, candidate] for task, values in ranked.items()}
        assert_same(actual, expected, "reloaded from a SavedModel")


def every_input_counts(build: Build, folder: Path) -> None:
    """Each input tensor changes some logit; the age of behaviours does if the model uses it."""
    ranker = randomized(build)
    inputs = ranker.inputs_description
    features = make_features(inputs, ROWS, full=True)
    other_features = make_features(inputs, ROWS, seed=8, full=True)
    expected = logits(ranker, features)
    asks_for_age = ranker.hyperparameters.model_dump().get("history_age", False)
    for name in inputs.tensors():
        if name == "history_age" and not asks_for_age:
            continue
        actual = logits(ranker, features | {name: other_features[name]})
        change = max(np.abs(actual[task] - expected[task]).max() for task in inputs.tasks)
        assert change > 1e-5, f"`{name}` should change a logit, nothing does by more than {change:.0e}"


def every_weight_learns(build: Build, folder: Path) -> None:
    """Every trainable weight gets a gradient on some batch, and every gradient is finite."""
    ranker = randomized(build)
    idle = {weight.path for weight in ranker.trainable_variables}
    for seed in range(3):
        features = make_features(ranker.inputs_description, ROWS, seed)
        for path, gradient in gradients(ranker, features, seed).items():
            assert_finite(gradient, f"the gradient of {path}")
            if gradient.any():
                idle.discard(path)
    assert not idle, f"every trainable weight should get a gradient, these get none: {', '.join(sorted(idle))}"


def half_precision_stays_finite(build: Build, folder: Path) -> None:
    """Logits and gradients stay finite in mixed_float16 (at most 65,504); weights and logits are float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        ranker = build_randomized(build)
    finally:
        keras.config.set_dtype_policy(before)
    assert {weight.dtype for weight in ranker.trainable_variables} == {"float32"}
    features = make_features(ranker.inputs_description, ROWS)
    for task, values in logits(ranker, features).items():
        assert values.dtype == np.float32, f"logits of {task} should be float32, received {values.dtype}"
        assert_finite(values, f"logits of {task} in half precision")
    for path, gradient in gradients(ranker, features).items():
        assert_finite(gradient, f"the gradient of {path} in half precision")


def it_overfits_64_rows(build: Build, folder: Path) -> None:
    """The ranker overfits random labels, which the target alone does not determine; 0.69 is the loss of chance."""
    keras.utils.set_random_seed(5)
    ranker = build()
    inputs = ranker.inputs_description
    features = {name: tf.constant(values) for name, values in make_features(inputs, 64, full=True).items()}
    labels, masks = make_labels(inputs, 64)
    optimizer = keras.optimizers.Adam(0.02)
    optimizer.build(ranker.trainable_variables)

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            scores = ranker(features, training=True)
            loss = ranker.compute_loss(features, labels, scores, masks)
        weights = ranker.trainable_variables
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        return loss - tf.add_n([tf.zeros(()), *(tf.cast(added, "float32") for added in ranker.losses)])

    first = float(step())
    loss = first
    for _ in range(400):
        loss = float(step())
        if loss < 0.05 * first:
            return
    raise AssertionError(f"the loss over 64 rows should fall below 5% of {first:.2f}, came to {loss:.3f}")


def inference_needs_features_alone(build: Build, folder: Path) -> None:
    """Inference needs no labels and no random numbers, and changes no variable."""
    try:
        ranker = randomized(build)  # which calls it on the tensors of `ModelInputs`
    except KeyError as error:
        raise AssertionError(
            f"inference should need the tensors of `ModelInputs` alone, it asks for {error}"
        ) from error
    features = make_features(ranker.inputs_description, ROWS)
    before = [variable.numpy() for variable in ranker.variables]
    keras.utils.set_random_seed(6)
    expected = logits(ranker, features)
    keras.utils.set_random_seed(7)
    actual = logits(ranker, features)
    assert all(np.array_equal(actual[task], expected[task]) for task in expected), "inference should not be random"
    for variable, value in zip(ranker.variables, before, strict=True):
        assert np.array_equal(variable.numpy(), value), f"inference should not change {variable.path}"


def ranking_is_scoring_one_by_one(build: Build, folder: Path) -> None:
    """Candidates of one user that are ranked together get the logits that each gets alone."""
    ranker = randomized(build)
    inputs = ranker.inputs_description
    features = make_features(inputs, ROWS)
    names, users = inputs.candidate_tensors, slice(0, ROWS // 2)
    user_features = {name: values[users] for name, values in features.items() if name not in names}
    # Two candidates per user: the same rows in their order and in another one.
    turned = np.stack([np.arange(ROWS // 2), np.arange(ROWS // 2)[::-1] + ROWS // 2], axis=1)
    ranked = ranker.rank({**user_features, **{name: features[name][turned] for name in names}})
    for candidate in range(2):
        alone = logits(ranker, {**user_features, **{name: features[name][turned[:, candidate]] for name in names}})
        actual = {task: np.asarray(values)[:, candidate] for task, values in ranked.items()}
        assert_same(actual, alone, f"candidate {candidate} of those ranked together")


CHECKS: tuple[Callable[[Build, Path], None], ...] = (
    longer_padding_changes_nothing,
    an_empty_history_is_scored,
    rows_are_independent,
    saved_and_reloaded_it_is_the_same,
    exported_it_is_the_same,
    every_input_counts,
    every_weight_learns,
    half_precision_stays_finite,
    it_overfits_64_rows,
    inference_needs_features_alone,
    ranking_is_scoring_one_by_one,
)
