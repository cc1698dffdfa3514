"""One version of a model: its inputs, its outputs, and how it is run."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf

from interestflow.serving.server.limits import RequestLimits
from interestflow.serving.server.servable import MAX_FILTERS, Servable
from interestflow.serving.session_model import ModelLoadError
from tests.serving.conformance.replay.recordings import MODELS
from tests.serving.server import small_models
from tests.serving.server.checks import serving_error

X = np.float32([1.0, 2.0])


@pytest.fixture(scope="module")
def servable(tmp_path_factory: pytest.TempPathFactory) -> Servable:
    folder = small_models.write_scaled(tmp_path_factory.mktemp("scaled"), 3)
    return Servable("scaled", 3, str(folder))


def test_signatures(servable: Servable) -> None:
    assert set(servable.signatures) == {"serving_default", "lengths", "fails", "__saved_model_init_op"}
    assert servable.signature("") == servable.signatures["serving_default"]
    assert servable.feed_name("", "x") == "serving_default_x:0"
    code = grpc.StatusCode.FAILED_PRECONDITION
    for call in (servable.signature, lambda key: servable.inputs(key, {}), servable.outputs):
        assert serving_error(lambda call=call: call("train")) == (code, 'Serving signature key "train" not found.')


def test_outputs(servable: Servable) -> None:
    assert servable.outputs("") == ["factor", "y"]
    assert servable.outputs("", ["y", "factor"]) == ["factor", "y"]
    assert serving_error(lambda: servable.outputs("", ["y", "z"])) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "output tensor alias not found in signature: z Outputs expected to be in the set {factor,y}.",
    )
    assert serving_error(lambda: servable.outputs("", ["y", "y"]))[1] == "duplicate output tensor alias: y"
    assert serving_error(lambda: servable.outputs("__saved_model_init_op"))[0] == grpc.StatusCode.OUT_OF_RANGE


def test_runs(servable: Servable) -> None:
    assert {name: value.tolist() for name, value in servable.run("", {"x": X}).items()} == {
        "factor": [3.0, 3.0], "y": [3.0, 6.0],
    }  # fmt: skip
    assert list(servable.run("", {"x": X}, ["y"])) == ["y"]
    code, message = serving_error(lambda: servable.run("fails", {"x": -X}))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "`x` should not be negative" in message
    assert "\n" not in message


def test_sets_of_outputs_that_clients_make_up_are_not_kept_without_end(servable: Servable) -> None:
    other = Servable("scaled", 3, servable.folder)
    other._filters.update(("", str(index)) for index in range(MAX_FILTERS))
    assert other.run("", {"x": X}, ["y"])["y"].tolist() == [3.0, 6.0]
    assert len(other._filters) == MAX_FILTERS


def test_limits_are_those_given(servable: Servable) -> None:
    small = Servable("scaled", 3, servable.folder, RequestLimits(max_candidates=1))
    proto = tf.make_tensor_proto(X)
    assert servable.inputs("", {"x": proto})["x"].tolist() == [1.0, 2.0]
    assert "should have axes of at most 1" in serving_error(lambda: small.inputs("", {"x": proto}))[1]


def test_a_model_of_this_project_knows_its_candidates() -> None:
    ranker = Servable("ranker", 2, str(MODELS / "ranker" / "2"), RequestLimits(max_candidates=10))
    counts = {"item": (4, 3), "category": (4, 3), "price": (4, 3), "tags": (4, 3, 2), "user": (4,)}
    protos = {name: tf.zeros(counts.get(name, (4, 5)), info.dtype) for name, info in _inputs(ranker).items()}
    messages = {name: tf.make_tensor_proto(value) for name, value in protos.items()}
    message = serving_error(lambda: ranker.inputs("rank", messages))[1]
    assert "`category` should have at most 10 rows times candidates" in message


def _inputs(servable: Servable) -> Any:
    return servable.signatures["rank"].inputs


def test_closed_it_answers_no_more(servable: Servable) -> None:
    other = Servable("scaled", 3, servable.folder)
    other.close()
    assert serving_error(lambda: other.run("", {"x": X})) == (
        grpc.StatusCode.UNAVAILABLE, "Servable is unloaded: version 3 of scaled",
    )  # fmt: skip
    assert servable.run("", {"x": X})["y"].tolist() == [3.0, 6.0]


@pytest.mark.parametrize(("folder", "code"), [("broken/2", tf.errors.DATA_LOSS), ("nothing", tf.errors.NOT_FOUND)])
def test_what_cannot_be_loaded(folder: str, code: int) -> None:
    with pytest.raises(ModelLoadError) as raised:
        Servable("broken", 1, str(MODELS / folder))
    assert raised.value.code == code
