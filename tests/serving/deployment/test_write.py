"""The folder that `interestflow deploy` writes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pipeline.command_line import app
from serving.deployment.config import DeploymentConfig
from serving.deployment.tf_serving import arguments
from serving.deployment.write import DeploymentError, write_deployment
from serving.server.configuration import read_batching, read_models

CONFIG = """
name: shop
data: {events: {path: events.csv, format: csv, user: user, item: item, timestamp: time}}
tasks: [{name: click, label: {column: click}}]
sequence: {behaviours: {column: click}}
model: {name: pooled}
deployment: {namespace: ranking, gpus: 1, tls_secret: shop-tls}
"""


def bind(source: str, target: str) -> dict[str, object]:
    return {
        "type": "bind", "source": source, "target": target, "read_only": True, "bind": {"create_host_path": False},
    }  # fmt: skip


def test_the_command_writes_every_file(tmp_path: Path) -> None:
    path, runs, output = tmp_path / "shop.yaml", tmp_path / "runs", tmp_path / "deployment"
    path.write_text(CONFIG)
    result = CliRunner().invoke(app, ["deploy", str(path), "-o", str(output), "--runs-folder", str(runs)])
    assert result.exit_code == 0, result.output
    written = {str(file.relative_to(output)) for file in output.rglob("*") if file.is_file()}
    assert written == {
        "kubernetes.yaml", "compose.yaml",
        "config/models.config", "config/batching_parameters.txt", "config/monitoring.config",
    }  # fmt: skip
    assert all(f"wrote {output / file}" in result.output for file in written)

    documents = list(yaml.safe_load_all((output / "kubernetes.yaml").read_text()))
    assert [(document["kind"], document["metadata"]["name"]) for document in documents] == [
        ("ConfigMap", "shop-serving"), ("Deployment", "shop"), ("Service", "shop"),
        ("HorizontalPodAutoscaler", "shop"), ("PodDisruptionBudget", "shop"),
    ]  # fmt: skip

    config = DeploymentConfig(namespace="ranking", gpus=1, tls_secret="shop-tls")
    services = yaml.safe_load((output / "compose.yaml").read_text())["services"]
    assert list(services) == ["shop"]
    service = services["shop"]
    assert service["image"] == "tensorflow/serving:2.21.0-gpu"
    assert service["entrypoint"] == ["/usr/bin/tensorflow_model_server"]
    assert service["command"] == arguments(config)
    assert service["ports"] == ["8500:8500", "8501:8501"]
    # Where the pipeline pushes to is where the server's own configuration looks.
    assert service["volumes"] == [
        bind(f"{runs}/shop/serving/shop", "/models/shop"), bind("./config", "/config"), bind("./tls", "/tls"),
    ]  # fmt: skip
    (model,) = read_models(output / "config/models.config").model_config_list.config
    assert model.base_path == "/models/shop"
    assert read_batching(output / "config/batching_parameters.txt").max_batch_size == 64
    assert service["deploy"]["resources"]["reservations"]["devices"] == [
        {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    ]


def test_a_folder_with_a_dollar_is_not_taken_for_a_variable(tmp_path: Path) -> None:
    write_deployment("shop", DeploymentConfig(), "/runs/$HOME/shop", tmp_path)
    service = yaml.safe_load((tmp_path / "compose.yaml").read_text())["services"]["shop"]
    assert service["volumes"] == [bind("/runs/$$HOME/shop", "/models/shop"), bind("./config", "/config")]
    assert "deploy" not in service


@pytest.mark.parametrize("name", ["shop-", "x" * 56])
def test_a_name_that_kubernetes_does_not_allow(name: str, tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match=r"`name` should have at most 55 characters and end in a letter or digit"):
        write_deployment(name, DeploymentConfig(), "/runs", tmp_path)
    assert not list(tmp_path.iterdir())
    write_deployment("x" * 55, DeploymentConfig(), "/runs", tmp_path)


def test_a_folder_that_cannot_be_written_to_is_told_in_a_sentence(tmp_path: Path) -> None:
    path, file = tmp_path / "shop.yaml", tmp_path / "file"
    path.write_text(CONFIG)
    file.write_text("")
    result = CliRunner().invoke(app, ["deploy", str(path), "-o", str(file)])
    assert result.exit_code == 1
    assert f"error: {file}/kubernetes.yaml cannot be written: " in result.output
    assert "Traceback" not in result.output
