"""The Compose file, and the health check that it runs inside the container."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from interestflow.serving.deployment.compose import compose_file, health_command
from interestflow.serving.deployment.config import DeploymentConfig, TLSConfig
from interestflow.serving.deployment.tf_serving import server_flags
from interestflow.serving.server.configuration import ServerOptions, one_model
from interestflow.serving.server.server import Server


def service_of(config: DeploymentConfig, models: str = "/runs/shop") -> dict[str, Any]:
    (service,) = compose_file("shop", config, models)["services"].values()
    return dict(service)


def bind(source: str, target: str) -> dict[str, object]:
    return {
        "type": "bind", "source": source, "target": target, "read_only": True, "bind": {"create_host_path": False},
    }  # fmt: skip


def test_the_service() -> None:
    service = service_of(DeploymentConfig(startup_seconds=60))
    assert service["image"] == "tensorflow/serving:2.21.0"
    assert service["entrypoint"] == ["/usr/bin/tensorflow_model_server"]
    assert service["command"] == server_flags(DeploymentConfig())
    assert service["ports"] == ["8500:8500", "8501:8501"]
    assert service["volumes"] == [bind("/runs/shop", "/models/shop"), bind("./config", "/config")]
    assert service["healthcheck"]["start_period"] == "60s"
    assert service["init"]
    assert "deploy" not in service


@pytest.mark.parametrize(
    "config",
    [
        DeploymentConfig(tls_secret="shop-tls"),
        DeploymentConfig(tls=TLSConfig(certificate=Path("tls.crt"), key=Path("tls.key"))),
    ],
    ids=["secret", "files"],
)
def test_tls_is_a_file_that_has_to_be_there(config: DeploymentConfig) -> None:
    # Compose refuses a file that is not there; with its folder, the server would start without it and abort.
    assert service_of(config)["volumes"][-1] == bind("./tls/ssl.config", "/tls/ssl.config")


def test_gpus() -> None:
    service = service_of(DeploymentConfig(gpus=2))
    assert service["image"] == "tensorflow/serving:2.21.0-gpu"
    assert service["deploy"]["resources"]["reservations"]["devices"] == [
        {"driver": "nvidia", "count": 2, "capabilities": ["gpu"]}
    ]


def test_dollars_are_not_taken_for_variables() -> None:
    service = service_of(DeploymentConfig(), "/runs/$HOME/shop")
    assert service["volumes"][0] == bind("/runs/$$HOME/shop", "/models/shop")
    *_, command = service["healthcheck"]["test"]
    assert command.replace("$$", "$") == health_command("shop", 8501)
    assert "$" not in command.replace("$$", "")


def test_the_health_check_tells_a_model_that_serves_from_one_that_does_not(written_versions: Path) -> None:
    def is_healthy(name: str, port: int) -> bool:
        return (
            subprocess.run(["bash", "-c", health_command(name, port)], timeout=60, capture_output=True).returncode == 0
        )

    options = ServerOptions(models=one_model("shop", str(written_versions)), rest_port=0)
    with Server(options) as server:
        port = server.rest_port
        assert port is not None
        assert is_healthy("shop", port)
        assert not is_healthy("another", port)  # answered with 404, as is a model that has no version left
    assert not is_healthy("shop", port)
