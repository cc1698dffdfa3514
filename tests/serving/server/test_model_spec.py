"""The model, version or label that a request names."""

from __future__ import annotations

from pathlib import Path

from tensorflow_serving.apis import model_pb2, predict_pb2

from interestflow.serving.server.model_spec import require_model_spec, set_model_spec, use_servable
from tests.serving.server import small_models
from tests.serving.server.checks import invalid_message
from tests.serving.server.small_models import Server, options, request


def test_a_request_should_name_a_model() -> None:
    assert require_model_spec(request()).name == "scaled"
    assert invalid_message(lambda: require_model_spec(predict_pb2.PredictRequest())) == "Missing ModelSpec"


def test_a_spec_gives_the_version_that_it_names(tmp_path: Path) -> None:
    for version in (1, 2):
        small_models.write_scaled(tmp_path, version)
    with Server(options(tmp_path, poll_seconds=0)) as server:
        spec = model_pb2.ModelSpec(name="scaled")
        with use_servable(server.manager, spec) as servable:
            answer = model_pb2.ModelSpec()
            set_model_spec(servable, "", answer)
            assert (answer.name, answer.version.value, answer.signature_name) == ("scaled", 2, "serving_default")
            set_model_spec(servable, None, answer := model_pb2.ModelSpec())
            assert answer.signature_name == ""

        def enter(spec: model_pb2.ModelSpec) -> None:
            with use_servable(server.manager, spec):
                raise AssertionError

        assert invalid_message(lambda: enter(model_pb2.ModelSpec())) == "ModelSpec has no name specified."
        spec.version_label = ""
        assert invalid_message(lambda: enter(spec)) == "Unrecognized servable version label: "
