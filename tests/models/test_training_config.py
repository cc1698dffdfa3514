"""The `training` section (tests/pipeline/test_config.py has the file that it stands in)."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from interestflow.models.optimizers import OPTIMIZERS, build_optimizer
from interestflow.models.training_config import ROW_SPARSE, OptimizerConfig, TrainingConfig


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_optimizer_that_the_configuration_knows(name: str) -> None:
    config = TrainingConfig.model_validate({"optimizer": {"name": name, "learning_rate": 0.25, "clip_norm": 2.0}})
    optimizer = build_optimizer(config.optimizer)
    assert float(optimizer.learning_rate) == 0.25
    assert optimizer.global_clipnorm == 2.0


def test_no_other_optimizer() -> None:
    with pytest.raises(ValidationError, match="sparse_adagrad"):
        TrainingConfig.model_validate({"optimizer": {"name": "ftrl"}})


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_a_dense_optimizer_goes_with_a_row_sparse_one(name: str) -> None:
    values = {"name": name, "dense": {"name": "sgd", "learning_rate": 0.1}}
    if name in ROW_SPARSE:
        assert OptimizerConfig.model_validate(values).dense is not None
    else:
        with pytest.raises(ValidationError, match="`name` should be one of sparse_adagrad, rowwise_adagrad, lazy_adam"):
            OptimizerConfig.model_validate(values)


def test_kernels_of_our_own_and_xla_exclude_each_other() -> None:
    assert not TrainingConfig().native_kernels
    assert TrainingConfig(native_kernels=True).native_kernels
    with pytest.raises(ValidationError, match="`native_kernels` should be false where `xla` is true"):
        TrainingConfig(native_kernels=True, xla=True)
