"""Models by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from interestflow.models.matchers.base import Matcher
from interestflow.models.matchers.comirec_spec import ComiRecHyperparameters
from interestflow.models.matchers.hyperparameters import MatcherHyperparameters
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.din_spec import DINHyperparameters
from interestflow.models.rankers.hyperparameters import RankerHyperparameters
from interestflow.models.registry import build_matcher, build_ranker, names, spec, specs
from tests.models.support.random_features import PLAIN, RICH, make_catalogue, make_features


def test_every_model_has_the_hyperparameters_of_its_name() -> None:
    for model in specs():
        implementation = model.load()
        assert implementation.Hyperparameters is model.hyperparameters
        assert issubclass(implementation, Matcher if model.is_matcher else Ranker)
        assert issubclass(model.hyperparameters, MatcherHyperparameters if model.is_matcher else RankerHyperparameters)
    assert not set(names("ranker")) & set(names("matcher"))
    assert {*names("ranker"), *names("matcher")} == set(names())


@pytest.mark.parametrize("name", names("ranker"))
def test_it_comes_with_all_its_weights(name: str) -> None:
    ranker = build_ranker(name, PLAIN, {})
    count = ranker.count_params()
    ranker({key: np.ones((2, *shape), dtype) for key, (shape, dtype) in PLAIN.tensors().items()}, training=True)
    assert ranker.count_params() == count > 0


def test_hyperparameters_as_a_mapping_or_an_instance() -> None:
    left = build_ranker("din", PLAIN, {"attention_units": (3,)})
    right = build_ranker("din", PLAIN, DINHyperparameters(attention_units=(3,)))
    assert left.hyperparameters == right.hyperparameters


@pytest.mark.parametrize(
    ("name", "hyperparameters", "message"),
    [
        ("dinn", {}, "`name` should be one of dien, diffumin, din, .*, received 'dinn'"),
        ("pooled", DINHyperparameters(), "`hyperparameters` should be PooledHyperparameters, received DIN"),
        ("din", {"mini_batch_aware_l2": 0.1}, "`item_counts` is needed where `mini_batch_aware_l2` is more than 0"),
        ("din", {"attention_unit": (3,)}, "attention_unit"),
    ],
)
def test_what_does_not_fit(name: str, hyperparameters: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_ranker(name, PLAIN, hyperparameters)


@pytest.mark.parametrize("name", [name for name in names("matcher") if not spec(name).needs_graph])
def test_a_matcher_comes_with_all_its_weights(name: str) -> None:
    matcher = build_matcher(name, RICH, {}, make_catalogue(RICH))
    count = matcher.count_params()
    matcher.training_loss(make_features(RICH, 4))
    assert matcher.count_params() == count > 0


@pytest.mark.parametrize(
    ("name", "hyperparameters", "message"),
    [
        ("din", {}, "`name` should be one of bpr_mf, comirec, desmil, .*, received 'din'"),
        (
            "two_tower",
            ComiRecHyperparameters(),
            "`hyperparameters` should be TwoTowerHyperparameters, received ComiRec",
        ),
        ("hcn", {"centres": 3}, "centres"),
    ],
)
def test_what_does_not_fit_a_matcher(name: str, hyperparameters: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_matcher(name, RICH, hyperparameters, make_catalogue(RICH))
