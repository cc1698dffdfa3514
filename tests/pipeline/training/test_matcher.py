"""Tests of training matchers: validation against a plain search, resumed epochs, and popularity by the same path."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from interestflow.models.catalogue import Catalogue
from interestflow.models.matchers.base import Matcher
from interestflow.models.registry import build_matcher
from interestflow.models.training_config import OptimizerConfig, TrainingConfig
from interestflow.pipeline.training import matcher as matcher_training
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.loop import TrainingError, TrainingResult, train
from interestflow.pipeline.training.matcher import MatcherTraining, target_counts
from tests.pipeline.support import training_examples

INPUTS = training_examples.INPUTS
ONE_EACH = np.minimum(np.arange(INPUTS.item_rows), 1)


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Split, Split]:
    folder = tmp_path_factory.mktemp("examples")
    result = []
    for name, seed, count in (("train", 5, 640), ("validation", 6, 150)):
        rows = training_examples.make_rows(count, seed)
        # A user's next item follows from the newest one, which can be learned.
        rows["item"] = rows["history_item"][:, 0] % 20 + 1
        rows["category"] = rows["item"] % 5 + 1
        pattern = training_examples.write(rows, folder / name)
        result.append(Split.read([pattern], INPUTS, 100, positives_of="click"))
    return result[0], result[1]


@pytest.fixture(scope="module")
def catalogue(splits: tuple[Split, Split]) -> Catalogue:
    tensors: dict[str, Any] = {"item": np.arange(INPUTS.item_rows)}
    tensors |= {"category": np.arange(INPUTS.item_rows) % 5 + 1, "price": np.zeros(INPUTS.item_rows, np.float32)}
    return Catalogue(tensors | {"tags": np.zeros((INPUTS.item_rows, 2), np.int64)}, target_counts(splits[0]) * 1.0)


def config(**changes: Any) -> TrainingConfig:
    optimizer = OptimizerConfig(name="lazy_adam", learning_rate=0.02)
    return TrainingConfig(**{"batch_size": 32, "epochs": 3, "optimizer": optimizer, **changes})


def trained(
    splits: tuple[Split, Split], catalogue: Catalogue, name: str = "two_tower", **arguments: Any
) -> TrainingResult:
    settings = arguments.pop("config", config())

    def build() -> Matcher:
        return build_matcher(name, INPUTS, {"embedding_dimension": 8} if name != "popularity" else {}, catalogue)

    return train(
        settings, build, *splits, wrap=lambda matcher: MatcherTraining(matcher, catalogue, ONE_EACH), **arguments
    )


def test_counts_are_of_targets(splits: tuple[Split, Split], catalogue: Catalogue) -> None:
    items = np.concatenate([features["item"] for features, _, _ in splits[0].in_order(50)])
    np.testing.assert_array_equal(catalogue.counts, np.bincount(items, minlength=INPUTS.item_rows))


def test_validation_is_an_exact_search(
    splits: tuple[Split, Split], catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty items, so that recall at 10 varies and recall at 50 is 1; the scores are computed in three chunks."""
    keras.utils.set_random_seed(2)
    matcher = build_matcher("comirec", INPUTS, {"embedding_dimension": 8}, catalogue)
    for weight in matcher.trainable_weights:
        weight.assign(np.random.default_rng(0).normal(size=weight.shape))
    monkeypatch.setattr(matcher_training, "MAX_SCORES", 50 * INPUTS.item_rows)
    result = MatcherTraining(matcher, catalogue, ONE_EACH).validate(splits[1], 64)
    items = matcher.encode_items(catalogue.tensors, training=False).numpy()
    ranks = []
    for features, _, _ in splits[1].in_order(1):
        users = matcher.encode_user(features, training=False).numpy()[0]
        scores = (users @ items.T).max(axis=0)
        target, history_ids = int(features["item"][0]), set(features["history_item"].numpy()[0].tolist()) - {0}
        if target not in history_ids:
            ranks.append(sum(scores[i] > scores[target] for i in range(1, INPUTS.item_rows) if i not in history_ids))
    assert 20 < len(ranks) < splits[1].count  # some targets are in their user's history
    assert result["recall_10"] == pytest.approx(np.mean([rank < 10 for rank in ranks]))
    assert result["ndcg_10"] == pytest.approx(
        np.mean([1 / math.log2(rank + 2) if rank < 10 else 0.0 for rank in ranks])
    )
    assert result["recall_50"] == 1.0


def test_items_that_share_an_id_tie(splits: tuple[Split, Split], catalogue: Catalogue) -> None:
    """By popularity. Number 1 stands for no item, number 2 for 40, and number 3, of which two are, is next to it.

    Item 2 ties with 39 others, so that 19 stand before it beside those that are more popular; result as one of them it
    would be among the first 10. Before item 3 stand all 40.
    """
    counts = np.zeros(INPUTS.item_rows, np.float32)
    counts[[1, 2, 3]] = 9.0, 8.0, 7.0
    matcher = build_matcher("popularity", INPUTS, {}, Catalogue(catalogue.tensors, counts))
    sharing = ONE_EACH.copy()
    sharing[[1, 2, 3]] = 0, 40, 2
    model = MatcherTraining(matcher, catalogue, sharing)
    (features, _, _) = next(iter(splits[1].in_order(3)))
    features = {**features, "item": np.array([1, 2, 3]), "history_item": np.full((3, 2), 9)}
    ranks = model._ranks(features, model._encode_all_items())
    np.testing.assert_array_equal(ranks, [np.inf, 19, 40])


def test_a_large_split_is_looked_at_in_part(
    splits: tuple[Split, Split], catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matcher_training, "MAX_SCORES_PER_EPOCH", 0)
    monkeypatch.setattr(matcher_training, "MIN_POSITIVES", 20)
    model = MatcherTraining(build_matcher("two_tower", INPUTS, {}, catalogue), catalogue, ONE_EACH)
    batches = []
    ranks = model._ranks
    monkeypatch.setattr(
        model, "_ranks", lambda features, items: batches.append(len(features["item"])) or ranks(features, items)
    )
    model.validate(splits[1], 10)
    assert batches == [10] * len(batches)
    assert 20 <= sum(batches) < splits[1].count


def test_it_learns_what_can_be_learned(splits: tuple[Split, Split], catalogue: Catalogue) -> None:
    """The next item follows from one of the history: near 1 for the model, about 10 of 20 items by chance."""
    popular = trained(splits, catalogue, "popularity", config=config(epochs=1)).summary["validation"]["recall_10"]
    learned = trained(splits, catalogue, config=config(epochs=12)).summary["validation"]["recall_10"]
    assert popular < 0.75
    assert learned > 0.9


def test_popularity_trains_by_the_same_path(splits: tuple[Split, Split], catalogue: Catalogue) -> None:
    result = trained(splits, catalogue, "popularity")
    assert result.summary["parameters"] == 0
    assert [entry["training_loss"] for entry in result.summary["history"]] == [0.0] * result.summary["epochs"]


def test_begun_again_it_ends_as_if_undisturbed(
    splits: tuple[Split, Split], catalogue: Catalogue, tmp_path: Path
) -> None:
    """Sampled negatives, so that the state of what draws them has to come back too."""
    without = {"early_stopping": None}

    def build() -> Matcher:
        hyperparameters = {"embedding_dimension": 8, "loss": "sampled_softmax", "negatives": 4}
        return build_matcher("comirec", INPUTS, hyperparameters, catalogue)

    def once(epochs: int, backup: str | None) -> TrainingResult:
        wrap = lambda matcher: MatcherTraining(matcher, catalogue, ONE_EACH)  # noqa: E731
        return train(config(epochs=epochs, **without), build, *splits, wrap=wrap, backup_folder=backup)

    expected = once(3, None)
    once(1, str(tmp_path))
    resumed = once(3, str(tmp_path))
    assert resumed.summary["resumed_at"] == {"epoch": 2, "step": 0}
    for left, right in zip(resumed.model.get_weights(), expected.model.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_validation_split_without_targets_is_named(
    splits: tuple[Split, Split], catalogue: Catalogue, tmp_path: Path
) -> None:
    rows = training_examples.make_rows(40)
    rows["history_item"] = np.repeat(rows["item"][:, None], 4, axis=1)
    nothing_new = Split.read([training_examples.write(rows, tmp_path)], INPUTS, 100, positives_of="click")
    with pytest.raises(TrainingError, match="ndcg_50 is undefined on the validation split: it should have a positive"):
        trained((splits[0], nothing_new), catalogue)
