"""Batching is refused for a model whose requests may have unequal shapes, and the input is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from interestflow.serving.deployment.config import BatchingConfig, DeploymentConfig
from interestflow.serving.deployment.errors import ModelFolderError
from interestflow.serving.deployment.model_folder import check_model_folder
from interestflow.serving.description import Description
from tests.serving.deployment.model_folders import (
    BATCHING,
    DESCRIPTION,
    LENGTHS,
    request,
    write_description,
    write_module,
)

PLAIN = DeploymentConfig()


def refusal(models: Path, config: DeploymentConfig = BATCHING) -> str:
    with pytest.raises(ModelFolderError) as refused:
        check_model_folder(str(models), config)
    return str(refused.value)


def with_description(models: Path, description: Description) -> Path:
    for version in ("3", "4"):
        write_description(models / version, description)
    return models


def one_signature(base: Path, function: Callable[..., Any], *inputs: tf.TensorSpec) -> Path:
    """Write a model with the one signature `serving_default`, and a warm-up request of one row."""
    module = tf.Module()
    module.answer = tf.function(function, input_signature=inputs)
    values = {spec.name: np.zeros([1] * (spec.shape.rank or 0), np.float32) for spec in inputs}
    write_module(base, {"serving_default": module.answer}, module, [request("", **values)])
    return base


def test_a_model_that_describes_every_list(models: Path) -> None:
    assert check_model_folder(str(models), BATCHING) == [3, 4]


@pytest.mark.parametrize("name", sorted(LENGTHS))
def test_a_list_without_a_length(models: Path, name: str) -> None:
    lengths = {other: length for other, length in LENGTHS.items() if other != name}
    write_description(models / "4", replace(DESCRIPTION, lengths=lengths))
    assert refusal(models) == (
        f"{models}/4, signature 'predict', input {name!r} should have an entry in `lengths` of the model's description "
        "for `deployment.batching`, received none: requests of unequal lengths would fail one another"
    )
    assert check_model_folder(str(models), PLAIN) == [3, 4]


def test_candidates_without_sizes(models: Path) -> None:
    with_description(models, replace(DESCRIPTION, candidate_sizes=()))
    assert refusal(models).startswith(
        f"{models}/3, signature 'rank', input 'item' should have an entry in `lengths` of the model's description"
    )


def test_a_number_of_candidates_without_a_signature(models: Path) -> None:
    """Requests of other sizes would meet in the queue of `rank`, and fail one another."""
    with_description(models, replace(DESCRIPTION, candidate_sizes=(2, 4, 6)))
    assert refusal(models) == (
        f"{models}/3 should have the signature 'rank_6' for `deployment.batching`, as its clients rank 6 candidates at "
        "once: export the model anew, or leave `batching` out"
    )


def test_requests_with_more_rows_than_a_batch(models: Path) -> None:
    with_description(models, replace(DESCRIPTION, max_rows=9))
    assert refusal(models) == (
        "`deployment.batching.max_batch_size` should be at least 9, the rows that clients of "
        f"{models}/3 send in one request, received 8"
    )
    wider = PLAIN.model_copy(update={"batching": BatchingConfig(max_batch_size=9)})
    assert check_model_folder(str(models), wider) == [3, 4]


def test_an_input_without_rows(tmp_path: Path) -> None:
    base = one_signature(tmp_path, lambda x: {"y": tf.reshape(x, [1])}, tf.TensorSpec([], tf.float32, "x"))
    assert refusal(base) == (
        f"{base}/1, signature 'serving_default', input 'x' should have any number of rows for `deployment.batching`, "
        "received the shape []"
    )
    assert check_model_folder(str(base), PLAIN) == [1]


def test_an_input_of_one_row_only(tmp_path: Path) -> None:
    base = one_signature(tmp_path, lambda x: {"y": x}, tf.TensorSpec([1, None], tf.float32, "x"))
    assert refusal(base).endswith("received the shape [1, ?]")


def test_an_input_of_any_shape(tmp_path: Path) -> None:
    base = one_signature(tmp_path, lambda x: {"y": x}, tf.TensorSpec(None, tf.float32, "x"))
    assert refusal(base).endswith("input 'x' should have any number of rows for `deployment.batching`, received an "
                                  "unknown shape")  # fmt: skip


def test_an_output_that_cannot_be_split(tmp_path: Path) -> None:
    base = one_signature(tmp_path, lambda x: {"sum": tf.reduce_sum(x)}, tf.TensorSpec([None], tf.float32, "x"))
    assert refusal(base) == (
        f"{base}/1, signature 'serving_default', output 'sum' should have any number of rows for "
        "`deployment.batching`, received the shape []"
    )


def test_axes_of_one_size_need_no_length(tmp_path: Path) -> None:
    base = one_signature(tmp_path, lambda x: {"y": x}, tf.TensorSpec([None, 1], tf.float32, "x"))
    assert check_model_folder(str(base), BATCHING) == [1]
