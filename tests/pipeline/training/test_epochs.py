"""How an epoch is divided into steps, and when training stops."""

from __future__ import annotations

import pytest

from interestflow.models.training_config import EarlyStoppingConfig, TrainingConfig
from interestflow.pipeline.training.backup import TrainingState
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.epochs import EpochPlan, TrainingError, has_stopped
from interestflow.pipeline.training.example_files import ExampleFiles
from interestflow.pipeline.training.example_layout import ExampleLayout
from tests.pipeline.support import training_examples


def split(count: int) -> Split:
    files = ExampleFiles((), ExampleLayout.build(training_examples.INPUTS))
    return Split(files, training_examples.INPUTS, count, None, {})


def plan(count: int, batch_size: int, replicas: int) -> EpochPlan:
    return EpochPlan.build(TrainingConfig(batch_size=batch_size), split(count), replicas)


def test_one_replica_trains_on_every_example() -> None:
    assert plan(100, 32, 1) == EpochPlan(replicas=1, steps=4, drop_remainder=False)
    assert plan(10, 32, 1).steps == 1


def test_several_replicas_leave_out_a_batch_that_is_not_full() -> None:
    assert plan(100, 32, 2) == EpochPlan(replicas=2, steps=3, drop_remainder=True)


def test_a_batch_should_be_shared_evenly_and_the_split_should_hold_one() -> None:
    with pytest.raises(
        TrainingError, match=r"`training\.batch_size` should be a multiple of the 3 devices, received 32"
    ):
        plan(100, 32, 3)
    with pytest.raises(TrainingError, match="should be at most the 10 examples of the training split, received 32"):
        plan(10, 32, 2)


@pytest.mark.parametrize(("epoch", "stops"), [(4, False), (5, False), (6, True)])
def test_training_stops_when_the_best_epoch_is_as_long_ago_as_patience_allows(epoch: int, stops: bool) -> None:
    state = TrainingState(epoch=epoch, best_epoch=3, best_value=0.5)
    assert has_stopped(state, EarlyStoppingConfig(patience=2)) is stops


def test_without_early_stopping_or_a_best_epoch_it_goes_on() -> None:
    assert not has_stopped(TrainingState(epoch=9, best_epoch=0, best_value=0.5), None)
    assert not has_stopped(TrainingState(epoch=9), EarlyStoppingConfig(patience=1))
