"""Behaviour that models of both families share during training."""

from __future__ import annotations

from typing import Any

import pytest

from interestflow.pipeline.metrics.registry import FAMILIES, RANKING
from interestflow.pipeline.training.matcher import MatcherTraining
from interestflow.pipeline.training.ranker import RankerTraining
from interestflow.pipeline.training.training_model import TrainingModel
from tests.pipeline.support import training_examples


@pytest.mark.parametrize(("family", "kind"), [("ranker", RankerTraining), ("matcher", MatcherTraining)])
def test_each_family_declares_its_metrics_and_what_they_need(family: Any, kind: type[TrainingModel]) -> None:
    assert kind.FAMILY is FAMILIES[family]
    assert kind.VALIDATION_NEEDS.startswith("it should have ")


def test_the_model_is_kept_and_epochs_need_no_preparation() -> None:
    class Plain(TrainingModel):
        FAMILY = RANKING
        VALIDATION_NEEDS = "it should have examples"

    ranker = training_examples.SmallRanker()
    model = Plain(ranker)
    model.begin_epoch(0)
    model.end_epoch(0)
    assert model.model is ranker
