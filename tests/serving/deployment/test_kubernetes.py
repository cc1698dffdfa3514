"""Kubernetes' own schemas accept the manifests, and their parts fit together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from interestflow.serving.deployment.config import BatchingConfig, DeploymentConfig, TLSConfig
from interestflow.serving.deployment.kubernetes import build_manifests, tls_secret_name
from interestflow.serving.deployment.tf_serving import server_files, server_flags

CASES = {
    "volume": DeploymentConfig(),
    "labels": DeploymentConfig(labels={"stable": 3, "canary": 4}),
    "batching": DeploymentConfig(batching=BatchingConfig()),
    "gpu": DeploymentConfig(gpus=1, namespace="ranking", tls_secret="ranking-tls"),
    "certificates": DeploymentConfig(tls=TLSConfig(certificate=Path("tls.crt"), key=Path("tls.key"))),
    "gs": DeploymentConfig(model_path="gs://bucket/models", volume_claim=None, credentials_secret="key"),
    "account": DeploymentConfig(model_path="gs://bucket/models/", volume_claim=None, service_account="reader"),
    "s3": DeploymentConfig(
        model_path="s3://bucket", volume_claim=None, credentials_secret="key", image="example.com/serving-s3:1"
    ),
}


def by_kind(case: str) -> dict[str, dict[str, Any]]:
    return {manifest["kind"]: manifest for manifest in build_manifests("shop", CASES[case])}


def pod_of(case: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the pod's specification in the Deployment, and its only container."""
    pod = by_kind(case)["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return pod, container


@pytest.mark.parametrize("case", CASES)
def test_kubernetes_accepts_every_manifest(case: str) -> None:
    manifests = build_manifests("shop", CASES[case])
    assert {"Deployment", "Service"} <= {manifest["kind"] for manifest in manifests}
    for manifest in manifests:
        kubernetes_validate.validate(manifest, "1.31", strict=True)  # raises


def test_a_wrong_manifest_is_not_accepted() -> None:
    deployment = by_kind("volume")["Deployment"]
    deployment["spec"]["replica"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.31", strict=True)


def test_a_kind_without_a_schema_is_not_accepted() -> None:
    manifest = {"apiVersion": "apps/v9", "kind": "Deployment", "metadata": {"name": "shop"}}
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        kubernetes_validate.validate(manifest, "1.31", strict=True)


def test_every_selector_finds_the_pods() -> None:
    manifests = by_kind("volume")
    pod = manifests["Deployment"]["spec"]["template"]
    labels = {"app.kubernetes.io/name": "shop", "app.kubernetes.io/component": "model-server"}
    assert pod["metadata"]["labels"] == labels
    assert manifests["Deployment"]["spec"]["selector"] == {"matchLabels": labels}
    assert manifests["Service"]["spec"]["selector"] == labels
    assert manifests["PodDisruptionBudget"]["spec"]["selector"] == {"matchLabels": labels}
    assert {
        constraint["topologyKey"]: constraint["labelSelector"]
        for constraint in pod["spec"]["topologySpreadConstraints"]
    } == {
        "kubernetes.io/hostname": {"matchLabels": labels},
        "topology.kubernetes.io/zone": {"matchLabels": labels},
    }


def test_all_live_in_one_namespace() -> None:
    assert {manifest["metadata"]["namespace"] for manifest in build_manifests("shop", CASES["gpu"])} == {"ranking"}


def test_the_ports_are_those_that_the_program_listens_on() -> None:
    _, container = pod_of("volume")
    assert container["ports"] == [{"name": "grpc", "containerPort": 8500}, {"name": "rest", "containerPort": 8501}]
    assert {"--port=8500", "--rest_api_port=8501"} <= set(container["args"])
    assert by_kind("volume")["Service"]["spec"]["ports"] == [
        {"name": "grpc", "port": 8500, "targetPort": "grpc"},
        {"name": "rest", "port": 8501, "targetPort": "rest"},
    ]


def test_the_autoscaler_alone_says_how_many() -> None:
    manifests = by_kind("volume")
    autoscaler = manifests["HorizontalPodAutoscaler"]["spec"]
    assert autoscaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    assert manifests["Deployment"]["metadata"]["name"] == "shop"
    assert (autoscaler["minReplicas"], autoscaler["maxReplicas"]) == (2, 10)
    assert autoscaler["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 60}
    assert "replicas" not in manifests["Deployment"]["spec"]
    _, container = pod_of("volume")
    assert container["resources"]["requests"]["cpu"] == "2"  # the utilisation is a share of this request


def test_what_the_arguments_name_is_mounted_there() -> None:
    pod, container = pod_of("gpu")
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounted = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    assert mounted == {
        "/config": {"name": "config", "configMap": {"name": "shop-serving"}},
        "/tmp": {"name": "temporary", "emptyDir": {}},
        "/models": {"name": "models", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}},
        "/tls": {
            "name": "tls",
            "secret": {"secretName": "ranking-tls", "items": [{"key": "ssl.config", "path": "ssl.config"}]},
        },
    }
    named = {argument.partition("=")[2] for argument in container["args"] if "_file=" in argument}
    config_map = by_kind("gpu")["ConfigMap"]
    assert config_map["metadata"]["name"] == "shop-serving"
    assert named == {*(f"/config/{file}" for file in config_map["data"]), "/tls/ssl.config"}
    assert container["args"] == server_flags(CASES["gpu"])
    assert config_map["data"] == server_files("shop", "/models/shop", CASES["gpu"])


def test_probes_ask_over_rest() -> None:
    _, container = pod_of("volume")
    # The model's own path answers 200 also where no version of the model is left.
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": "/v1/models/shop/metadata", "port": "rest"}
    # A new process would have no version either.
    assert container["livenessProbe"]["httpGet"] == {"path": "/v1/models/shop", "port": "rest"}
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == CASES["volume"].startup_seconds == 300
    (longer,) = build_manifests("shop", DeploymentConfig(startup_seconds=301))[1]["spec"]["template"]["spec"][
        "containers"
    ]
    assert longer["startupProbe"]["failureThreshold"] == 61  # never less than the configured time


def test_the_secret_of_tls() -> None:
    assert tls_secret_name("shop", CASES["volume"]) is None
    assert tls_secret_name("shop", CASES["gpu"]) == "ranking-tls"
    assert tls_secret_name("shop", CASES["certificates"]) == "shop-tls"
    pod, _ = pod_of("certificates")
    items = [{"key": "ssl.config", "path": "ssl.config"}]
    assert {"name": "tls", "secret": {"secretName": "shop-tls", "items": items}} in pod["volumes"]


def test_with_batching() -> None:
    config_map = by_kind("batching")["ConfigMap"]
    assert set(config_map["data"]) == {"models.config", "batching_parameters.txt", "monitoring.config"}
    _, container = pod_of("batching")
    assert "--enable_batching=true" in container["args"]
    assert set(by_kind("volume")["ConfigMap"]["data"]) == {"models.config", "monitoring.config"}


def test_clients_have_left_before_the_server_ends() -> None:
    pod, container = pod_of("volume")
    # A connection of 30 s may live a tenth longer, 33 s, and its last requests have 10 s.
    assert container["lifecycle"]["preStop"] == {"exec": {"command": ["sleep", "43"]}}
    assert pod["terminationGracePeriodSeconds"] == 58
    assert pod["shareProcessNamespace"]


def test_the_pod_has_no_rights_that_it_does_not_need() -> None:
    pod, container = pod_of("gpu")
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 10001)
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [mount["mountPath"] for mount in container["volumeMounts"] if not mount["readOnly"]] == ["/tmp"]


def test_with_gpus() -> None:
    pod, container = pod_of("gpu")
    assert container["image"] == "tensorflow/serving:2.21.0-gpu"
    assert container["resources"]["limits"] == {"memory": "4Gi", "nvidia.com/gpu": "1"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    pod, container = pod_of("volume")
    assert container["image"] == "tensorflow/serving:2.21.0"
    assert container["resources"]["limits"] == {"memory": "4Gi"}
    assert "tolerations" not in pod


def test_models_in_a_bucket() -> None:
    pod, container = pod_of("gs")
    assert "persistentVolumeClaim" not in str(pod)
    assert {"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": "/credentials/key.json"} in container["env"]
    assert {"name": "credentials", "secret": {"secretName": "key"}} in pod["volumes"]
    assert 'base_path: "gs://bucket/models/shop"' in by_kind("gs")["ConfigMap"]["data"]["models.config"]
    pod, container = pod_of("account")
    assert pod["serviceAccountName"] == "reader"
    assert "credentials" not in str(pod["volumes"])
    assert 'base_path: "gs://bucket/models/shop"' in by_kind("account")["ConfigMap"]["data"]["models.config"]
    _, container = pod_of("s3")
    assert container["envFrom"] == [{"secretRef": {"name": "key"}}]


def test_a_label_moves_without_new_pods_and_batching_with_new_ones() -> None:
    def template(config: DeploymentConfig) -> dict[str, Any]:
        template: dict[str, Any] = build_manifests("shop", config)[1]["spec"]["template"]
        return template

    before = template(DeploymentConfig(labels={"stable": 3}))
    assert template(DeploymentConfig(labels={"stable": 4}, versions=(3,))) == before
    batched = template(DeploymentConfig(labels={"stable": 3}, batching=BatchingConfig()))
    assert batched != before
    wider = BatchingConfig(max_enqueued_batches=50)  # changes the file of parameters and no flag
    assert template(DeploymentConfig(labels={"stable": 3}, batching=wider)) != batched
