"""Hyper-parameters of matchers: loss and item bias."""

from __future__ import annotations

import pytest

from interestflow.models import registry
from interestflow.models.matchers.hyperparameters import MatcherHyperparameters, RetrievalHyperparameters
from interestflow.models.matchers.retrieval import RetrievalMatcher
from tests.models.support.random_features import PLAIN, make_catalogue

WITHOUT_RETRIEVAL_LOSS = {"popularity", "kgat"}


@pytest.mark.parametrize("name", [spec.name for spec in registry.BUILT_IN.values() if spec.is_matcher])
def test_a_retrieval_loss_comes_with_an_item_bias(name: str) -> None:
    hyperparameters = registry.parse_hyperparameters(name, {})
    assert isinstance(hyperparameters, MatcherHyperparameters)
    trains_by_retrieval = name not in WITHOUT_RETRIEVAL_LOSS
    assert isinstance(hyperparameters, RetrievalHyperparameters) == trains_by_retrieval
    assert issubclass(registry.spec(name).load(), RetrievalMatcher) == trains_by_retrieval
    assert getattr(hyperparameters, "item_bias", False) == trains_by_retrieval


def test_an_item_bias_can_be_left_out() -> None:
    hyperparameters = registry.parse_hyperparameters("two_tower", {"item_bias": False})
    assert isinstance(hyperparameters, MatcherHyperparameters)
    assert isinstance(hyperparameters, RetrievalHyperparameters)
    assert not hyperparameters.item_bias
    assert registry.build_matcher("two_tower", PLAIN, hyperparameters, make_catalogue(PLAIN)).item_bias is None
