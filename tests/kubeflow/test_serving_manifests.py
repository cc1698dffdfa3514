"""Deployment files: what Kubernetes' own schemas accept, whose parts fit together, and that TF Serving can read."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from pydantic import ValidationError

from kubeflow.serving_manifests import arguments, manifests, serving_files, write_deployment
from serving.deployment_config import DeploymentConfig
from serving.server.configuration import Batching, read_batching, read_models

CASES = {
    "volume": DeploymentConfig(),
    "labels": DeploymentConfig(labels={"stable": 3, "canary": 4}),
    "gpu": DeploymentConfig(gpus=1, namespace="ranking"),
    "gs": DeploymentConfig(model_path="gs://bucket/models", volume_claim=None, credentials_secret="key"),
    "s3": DeploymentConfig(model_path="s3://bucket/models", volume_claim=None, credentials_secret="key"),
}


def by_kind(config: DeploymentConfig) -> dict[str, dict[str, Any]]:
    return {manifest["kind"]: manifest for manifest in manifests("shop", config)}


@pytest.mark.parametrize("case", CASES)
def test_kubernetes_accepts_every_manifest(case: str) -> None:
    for manifest in manifests("shop", CASES[case]):
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an unknown kind would only be warned of
            kubernetes_validate.validate(manifest, "1.31", strict=True)


def test_a_wrong_manifest_is_not_accepted() -> None:
    deployment = by_kind(CASES["volume"])["Deployment"]
    deployment["spec"]["replica"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.31", strict=True)


def test_the_parts_find_one_another() -> None:
    found = by_kind(CASES["volume"])
    pod = found["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    labels = pod["metadata"]["labels"]
    for selector in (
        found["Deployment"]["spec"]["selector"]["matchLabels"],
        found["Service"]["spec"]["selector"],
        found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        pod["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ):
        assert selector == labels
    assert found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == found["Deployment"]["metadata"]["name"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    assert {"--port=8500", "--rest_api_port=8501"} <= set(container["args"])
    assert {port["targetPort"] for port in found["Service"]["spec"]["ports"]} == set(ports)
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": "/v1/models/shop", "port": "rest"}
    # Every file that the arguments name is in the map that is mounted there.
    files = {argument.rpartition("/")[2] for argument in container["args"] if "=/config/" in argument}
    assert files == set(found["ConfigMap"]["data"])
    assert {"name": "config", "configMap": {"name": found["ConfigMap"]["metadata"]["name"]}} in pod["spec"]["volumes"]
    assert pod["spec"]["terminationGracePeriodSeconds"] > 10  # what preStop waits, and then the draining


def test_the_pod_has_no_rights_that_it_does_not_need() -> None:
    pod = by_kind(CASES["volume"])["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"]
    assert all(mount["readOnly"] for mount in pod["containers"][0]["volumeMounts"])


def test_with_gpus() -> None:
    pod = by_kind(CASES["gpu"])["Deployment"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "tensorflow/serving:2.19.1-gpu"
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod["tolerations"][0]["key"] == "nvidia.com/gpu"


def test_models_in_a_bucket() -> None:
    found = by_kind(CASES["gs"])
    pod = found["Deployment"]["spec"]["template"]["spec"]
    assert "persistentVolumeClaim" not in str(pod)
    assert {"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": "/credentials/key.json"} in pod["containers"][0]["env"]
    assert 'base_path: "gs://bucket/models/shop"' in found["ConfigMap"]["data"]["models.config"]
    pod = by_kind(CASES["s3"])["Deployment"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["envFrom"] == [{"secretRef": {"name": "key"}}]


def test_tf_serving_reads_its_files(tmp_path: Path) -> None:
    for file, text in serving_files("shop", "/models/shop", CASES["labels"]).items():
        (tmp_path / file).write_text(text)
    (model,) = read_models(tmp_path / "models.config").model_config_list.config
    assert (model.name, model.base_path) == ("shop", "/models/shop")
    assert dict(model.version_labels) == {"stable": 3, "canary": 4}
    assert list(model.model_version_policy.specific.versions) == [3, 4]
    assert read_batching(tmp_path / "batching_parameters.txt") == Batching(64, 1000, 100, 4, (1, 2, 4, 8, 16, 32, 64))
    assert (tmp_path / "monitoring.config").read_text() == (
        'prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }\n'
    )
    latest = serving_files("shop", "/models/shop", DeploymentConfig(versions_kept=3, max_batch_size=48))
    for file, text in latest.items():
        (tmp_path / file).write_text(text)
    (model,) = read_models(tmp_path / "models.config").model_config_list.config
    assert model.model_version_policy.latest.num_versions == 3
    assert read_batching(tmp_path / "batching_parameters.txt").allowed_batch_sizes == (1, 2, 4, 8, 16, 32, 48)


def test_compose_mounts_what_the_pipeline_pushes(tmp_path: Path) -> None:
    written = write_deployment("shop", CASES["gpu"], "/runs/shop/serving/shop", tmp_path)
    assert {path.name for path in written} == {
        "kubernetes.yaml", "compose.yaml", "models.config", "batching_parameters.txt", "monitoring.config",
    }  # fmt: skip
    service = yaml.safe_load((tmp_path / "compose.yaml").read_text())["services"]["shop"]
    assert service["volumes"] == ["/runs/shop/serving/shop:/models/shop:ro", "./config:/config:ro"]
    assert service["command"] == arguments(CASES["gpu"])
    assert service["deploy"]["resources"]["reservations"]["devices"][0]["count"] == 1
    (model,) = read_models(tmp_path / "config" / "models.config").model_config_list.config
    assert model.base_path == "/models/shop"
    kinds = [document["kind"] for document in yaml.safe_load_all((tmp_path / "kubernetes.yaml").read_text())]
    assert kinds == ["ConfigMap", "Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"]


def test_what_cannot_be_deployed_is_named() -> None:
    with pytest.raises(ValidationError, match="`model_path` should be a bucket where there is no `volume_claim`"):
        DeploymentConfig(volume_claim=None)
    with pytest.raises(ValidationError, match="`most_replicas` should be at least `replicas`, 5, received 3"):
        DeploymentConfig(replicas=5, most_replicas=3)
