"""Inference for requests of gRPC and REST, and what it reports to observers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from interestflow.serving.description import Description
from interestflow.serving.provenance import PROVENANCE
from interestflow.serving.server import inference
from interestflow.serving.server.batching import UnbatchedRunner
from interestflow.serving.server.servable import Servable
from tests.serving.server import small_models
from tests.serving.server.small_models import request


class OneModel:
    """A manager that returns one fixed version."""

    def __init__(self, servable: Servable) -> None:
        self._servable = servable

    @contextmanager
    def use(self, *_: Any) -> Iterator[Servable]:
        yield self._servable


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a model that had `x` in every training example."""
    folder = small_models.write_scaled(tmp_path_factory.mktemp("scaled"), 3)
    path = folder / PROVENANCE
    path.parent.mkdir()
    path.write_text(json.dumps({"description": Description(always_given=("x",)).as_json()}))
    return OneModel(Servable("scaled", 3, str(folder)))


def test_a_prediction(models: Any) -> None:
    response = inference.predict(models, UnbatchedRunner(), request(x=tf.constant([1.0, 2.0]).numpy()))
    assert sorted(response.outputs) == ["factor", "y"]
    assert list(response.outputs["y"].float_val) == [3.0, 6.0]
    as_content = inference.predict(models, UnbatchedRunner(), request(x=tf.constant([1.0]).numpy()), as_content=True)
    assert len(as_content.outputs["y"].tensor_content) == 4


def test_missing_features_are_observed_once_a_request(models: Any) -> None:
    observed: list[tuple[str, str]] = []

    def observe(model: str, feature: str) -> None:
        observed.append((model, feature))

    for x in ([1.0, 2.0], [float("nan"), float("nan")]):
        inference.predict(models, UnbatchedRunner(), request(x=tf.constant(x).numpy()), observe_missing=observe)
    assert observed == [("scaled", "x")]
    inference.predict(models, UnbatchedRunner(), request(x=tf.constant([float("nan")]).numpy()))
    assert len(observed) == 1


def test_a_server_counts_them(models: Any, tmp_path: Path) -> None:
    folder = Path(models._servable.folder)
    options = small_models.options(folder.parent, poll_seconds=0)
    with small_models.Server(options) as server, small_models.Stubs(server.port) as stubs:
        stubs.scaled([float("nan")])
        stubs.scaled([1.0])
        counted = 'interestflow_requests_missing_feature_total{feature="x",model="scaled"} 1.0'
        assert counted in server.metrics.text().decode()
