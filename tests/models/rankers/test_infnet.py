"""Task-aware Information Flow Network: tokens, separate tasks, and a cost linear in the number of steps."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from interestflow.models.inputs import CategoricalInput, ModelInputs
from interestflow.models.optimizers.row_sparse import LazyAdam
from interestflow.models.rankers.infnet import INFNet
from interestflow.models.registry import build_ranker
from interestflow.transforms.area_under_curve import area_under_curve as auc
from tests.models.support.operation_counts import growth
from tests.models.support.random_features import PLAIN, RICH, make_features, move_weights


def infnet(inputs: ModelInputs, **hyperparameters: Any) -> INFNet:
    """Build the model with randomized weights, as after some training."""
    keras.utils.set_random_seed(1)
    ranker = build_ranker("infnet", inputs, {"embedding_dimension": 4, "tower_units": (8,), **hyperparameters})
    move_weights(ranker)
    return ranker


@pytest.mark.parametrize("variant", ["v1", "v2"])
def test_the_order_of_the_steps_does_not_matter(variant: str) -> None:
    ranker, features = infnet(RICH, variant=variant, history_age=True), make_features(RICH, 9)
    order = np.random.default_rng(2).permutation(RICH.history_length)
    mixed = {name: values[:, order] if name.startswith("history_") else values for name, values in features.items()}
    for task, expected in ranker(features).items():
        np.testing.assert_allclose(ranker(mixed)[task], expected, rtol=1e-4, atol=1e-5)


def test_tasks_that_change_places_with_their_heads_change_their_answers() -> None:
    ranker, features = infnet(RICH), make_features(RICH, 9)
    before = {task: np.asarray(values) for task, values in ranker(features).items()}
    ranker.task_tokens.assign(ranker.task_tokens.numpy()[::-1])
    for layers in (ranker.heads.towers, ranker.heads.scores):
        first, second = layers[0].get_weights(), layers[1].get_weights()
        layers[0].set_weights(second)
        layers[1].set_weights(first)
    after = ranker(features)
    np.testing.assert_allclose(after["click"], before["like"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(after["like"], before["click"], rtol=1e-4, atol=1e-5)


def test_what_a_task_is_changes_what_the_fields_proxies_find() -> None:
    """Early task conditioning: other tasks' tokens, other fields after the first block."""
    ranker, features = infnet(RICH, blocks=3), make_features(RICH, 9)

    def fields_after_a_block() -> np.ndarray:
        results = {}
        real = ranker.blocks[0].call

        def noting(*arguments: Any) -> Any:
            tokens, proxies = real(*arguments)
            results["fields"] = np.asarray(tokens["fields"])
            return tokens, proxies

        ranker.blocks[0].call = noting
        ranker(features)
        ranker.blocks[0].call = real
        return results["fields"]

    before = fields_after_a_block()
    ranker.task_tokens.assign(ranker.task_tokens.numpy() + 1.0)
    assert np.abs(fields_after_a_block() - before).max() > 1e-4


def test_tasks_keep_apart_through_the_blocks() -> None:
    """Without residual and normalisation, three blocks make all tasks' tokens one (a spread of 0.000)."""
    keras.utils.set_random_seed(1)
    ranker = build_ranker("infnet", RICH, {"embedding_dimension": 16, "blocks": 3})
    results = []
    last = ranker.blocks[-1]
    real = last.call

    def noting(*arguments: Any) -> Any:
        tokens, proxies = real(*arguments)
        results.append(np.asarray(tokens["tasks"]))
        return tokens, proxies

    last.call = noting
    ranker(make_features(RICH, 14))
    tasks = results[0]
    assert np.abs(tasks[:, 0] - tasks[:, 1]).mean() > 0.2
    assert 0.5 < np.sqrt(np.mean(tasks**2)) < 2.0


class SelfAttention(keras.Model):
    """Self-attention over all steps, whose quadratic cost the count must detect."""

    def call(self, features: dict[str, Any], training: bool | None = None) -> Any:
        steps = ops.one_hot(features["history_item"], 8)
        return ops.matmul(ops.softmax(ops.matmul(steps, ops.transpose(steps, (0, 2, 1)))), steps)


@pytest.mark.parametrize("variant", ["v1", "v2"])
def test_the_cost_is_linear_in_the_history(variant: str) -> None:
    work_growth = growth(lambda inputs: build_ranker("infnet", inputs, {"embedding_dimension": 8, "variant": variant}))
    assert work_growth == pytest.approx(2.0, rel=0.02)
    assert growth(lambda inputs: SelfAttention()) == pytest.approx(4.0, rel=0.02)


def test_the_order_of_the_fields_does_not_matter_beside_the_proxies_weights() -> None:
    """Fields that change places together with their rows of the proxies' weights."""
    ranker, features = infnet(RICH), make_features(RICH, 9)
    before = {task: np.asarray(values) for task, values in ranker(features).items()}
    # The user's three fields, its number, the item's three, its number.
    order = [2, 1, 0, 3, 6, 5, 4, 7]
    kernel = ranker.field_proxies.kernel.numpy().reshape(8, 4, -1)
    ranker.tokens.user_fields.reverse()
    ranker.tokens.item_fields.reverse()
    assert max(np.abs(ranker(features)[task] - expected).max() for task, expected in before.items()) > 1e-3
    ranker.field_proxies.kernel.assign(kernel[order].reshape(32, -1))
    for task, expected in before.items():
        np.testing.assert_allclose(ranker(features)[task], expected, rtol=1e-4, atol=1e-5)


def steps_proxies(ranker: INFNet, features: dict[str, np.ndarray]) -> np.ndarray:
    user = ranker.encode_user(features)
    return np.asarray(ranker._step_proxies(user["steps"], user["mask"], user.get("types")))


@pytest.mark.parametrize("variant", ["v1", "v2"])
def test_each_behaviour_type_has_a_proxy_of_its_steps(variant: str) -> None:
    """A value of `rating` a type, in its row; of version 1 the sum, of version 2 the mean."""
    ranker, features = infnet(RICH, behaviour_type="rating", variant=variant), make_features(RICH, 9)
    proxies = steps_proxies(ranker, features)
    assert proxies.shape == (9, 6, 4)
    projected = np.asarray(ranker.step_proxy(ranker.encode_user(features)["steps"]))
    valid = features["history_item"] != 0
    for row in range(9):
        for kind in range(6):
            behaviours = projected[row, valid[row] & (features["history_rating"][row] == kind)]
            expected = behaviours.sum(0) / (max(len(behaviours), 1) if variant == "v2" else 1)
            np.testing.assert_allclose(proxies[row, kind], expected, rtol=1e-5, atol=1e-5)


def test_without_types_there_is_one_proxy_of_all_steps() -> None:
    ranker, features = infnet(RICH), make_features(RICH, 9)
    projected = np.asarray(ranker.step_proxy(ranker.encode_user(features)["steps"]))
    expected = (projected * (features["history_item"] != 0)[:, :, None]).sum(1)
    np.testing.assert_allclose(steps_proxies(ranker, features)[:, 0], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["nothing", "tags", "groups"])
def test_a_behaviour_type_that_steps_do_not_have_is_refused(name: str) -> None:
    """`tags` has several values a step, `groups` none."""
    with pytest.raises(
        ValueError, match=rf"`behaviour_type` should be .*\(category, rating, device\), received '{name}'"
    ):
        infnet(RICH, behaviour_type=name)


CATEGORIES, STEPS = 6, 8
TWO_TASKS = ModelInputs(
    tasks=("click", "like"),
    item_rows=41,
    history_length=STEPS,
    history_age_buckets=4,
    categorical=(
        CategoricalInput("category", CATEGORIES + 1, "item", None, True, True),
        CategoricalInput("kind", 3, "event", None, False, True),
    ),
)


def two_tasks(count: int, seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Half of a history's steps are of kind 1, half of kind 2, mixed; each kind has one category. A click where the
    target's category is kind 1's, a like where it is kind 2's: each task looks at other steps.

    Sums and means over all steps hold both categories and both kinds alike, and not which belongs to which: a model
    that sees these alone has an AUC of 0.5.
    """
    random = np.random.default_rng(seed)
    first = random.integers(1, CATEGORIES + 1, count)
    second = (first + random.integers(1, CATEGORIES, count) - 1) % CATEGORIES + 1
    kind = random.permuted(np.tile(np.repeat([1, 2], STEPS // 2), (count, 1)), axis=1)
    category = np.where(random.integers(0, 2, count) == 0, first, second)
    features = {
        "item": random.integers(1, 41, count), "category": category, "history_kind": kind,
        "history_item": random.integers(1, 41, (count, STEPS)), "history_age": np.ones((count, STEPS), np.int64),
        "history_category": np.where(kind == 1, first[:, None], second[:, None]),
    }  # fmt: skip
    labels = {"click": category == first, "like": category == second}
    return features, {task: label.astype(np.float32) for task, label in labels.items()}


def learned_auc(name: str, **hyperparameters: Any) -> dict[str, float]:
    keras.utils.set_random_seed(11)
    ranker = build_ranker(name, TWO_TASKS, {"embedding_dimension": 8, "tower_units": (16,), **hyperparameters})
    ranker.compile(optimizer=LazyAdam(0.01))
    features, labels = two_tasks(6000, 1)
    ranker.fit(features, labels, batch_size=100, epochs=3, verbose=0)
    features, labels = two_tasks(2000, 2)
    outputs = ranker(features)
    return {task: auc(label, np.asarray(outputs[task])) for task, label in labels.items()}


def test_steps_that_matter_to_one_task_each_are_found() -> None:
    """Chance, give or take 0.013 over 2000 rows, against all but certainty (1.00 with either of two seeds)."""
    baseline_aucs, infnet_aucs = learned_auc("shared_bottom"), learned_auc("infnet")
    for task in TWO_TASKS.tasks:
        assert baseline_aucs[task] < 0.55, task
        assert infnet_aucs[task] > 0.95, task


def test_plain_inputs_of_one_task_and_one_field() -> None:
    """No task beside its own, no field beside the item: attention over one token has nothing to choose."""
    ranker, features = infnet(PLAIN), make_features(PLAIN, 9, full=True)
    other = features | {"item": features["item"] % (PLAIN.item_rows - 1) + 1}
    assert np.median(np.abs(np.asarray(ranker(other)["click"]) - np.asarray(ranker(features)["click"]))) > 1e-3
