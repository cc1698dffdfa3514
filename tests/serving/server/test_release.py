"""The release that docs/serve.md describes, step by step, with the files rendered for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import model_management_pb2

from interestflow.serving.deployment.config import DeploymentConfig
from interestflow.serving.deployment.tf_serving import server_files
from interestflow.serving.server.configuration import read_models
from tests.serving.server.small_models import Server, Stubs, options, write_scaled

RELEASE = [
    DeploymentConfig(labels={"stable": 3}),
    DeploymentConfig(labels={"stable": 3, "canary": 4}),
    DeploymentConfig(labels={"stable": 4}, versions=(3,)),
]
ROLLBACK = DeploymentConfig(labels={"stable": 3}, versions=(4,))
RETIRED = DeploymentConfig(labels={"stable": 4})


def models_config(config: DeploymentConfig, base: Path) -> str:
    return server_files("scaled", str(base), config)["models.config"]


@pytest.mark.parametrize("last", [ROLLBACK, RETIRED], ids=["rollback", "retired"])
def test_a_release_moves_labels_to_versions_that_answer_already(last: DeploymentConfig, tmp_path: Path) -> None:
    base, path = tmp_path / "models", tmp_path / "models.config"
    for version in (3, 4):
        write_scaled(base, version)  # multiplies by its own number
    before, *following = [*RELEASE, last]
    path.write_text(models_config(before, base))
    with (
        Server(options(base, models=read_models(path), allow_reload="anyone")) as server,
        Stubs(server.port) as stubs,
    ):
        for step in following:
            # TensorFlow Serving refuses a whole configuration that moves a label to a version that it has not loaded.
            loaded = {*before.labels.values(), *before.versions}
            assert all(step.labels[label] in loaded for label in step.labels.keys() & before.labels.keys())
            request = model_management_pb2.ReloadConfigRequest()
            text_format.Parse(models_config(step, base), request.config)
            stubs.models.HandleReloadConfigRequest(request, timeout=60)
            answers = {label: stubs.scaled([1.0], label=label) for label in step.labels}
            assert answers == {label: [float(version)] for label, version in step.labels.items()}
            before = step
