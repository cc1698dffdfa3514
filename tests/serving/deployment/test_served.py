"""The local server answers from the rendered files, on a real socket."""

from __future__ import annotations

from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_service_pb2_grpc

from interestflow.serving.deployment.config import DeploymentConfig
from interestflow.serving.deployment.write import write_deployment
from interestflow.serving.server.configuration import METRICS_PATH, ServerOptions, read_batching, read_models
from interestflow.serving.server.server import Server
from tests.serving.deployment.model_folders import request


@pytest.mark.parametrize("batching", [None, {"max_batch_size": 8}], ids=["alone", "batching"])
def test_rendered_files_serve_a_model(batching: dict[str, int] | None, written_versions: Path, tmp_path: Path) -> None:
    config = DeploymentConfig.model_validate({"labels": {"stable": 3, "canary": 4}, "batching": batching})
    write_deployment("shop", config, str(written_versions), tmp_path)
    rendered = tmp_path / "config"
    models = read_models(rendered / "models.config")
    # Compose mounts the folder at this path.
    assert models.model_config_list.config[0].base_path == "/models/shop"
    models.model_config_list.config[0].base_path = str(written_versions)
    parameters = rendered / "batching_parameters.txt"
    options = ServerOptions(
        models=models,
        batching=read_batching(parameters) if batching else None,
        metrics_path=METRICS_PATH,
        rest_port=0,
    )
    with Server(options) as server, grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for label, version in config.labels.items():
            message = request(
                "rank",
                item=np.array([["ab", "abc"]], object),
                history_item=np.array([["i1", "", ""]], object),
                tags=np.full([1, 2, 2], "t", object),
            )
            message.model_spec.version_label = label
            answer = stub.Predict(message, timeout=60)
            assert answer.model_spec.version.value == version
            # The lengths of the item, of the history, 2, and of two tags, 2, times the version.
            assert tf.make_ndarray(answer.outputs["click"]).tolist() == [[6.0 * version, 7.0 * version]]
