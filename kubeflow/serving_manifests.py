"""Deployment files of stock TF Serving: Kubernetes manifests, its own configuration, and a Compose file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from serving.deployment_config import DeploymentConfig

GRPC_PORT, REST_PORT = 8500, 8501
CONFIG_FOLDER = "/config"
METRICS = "/monitoring/prometheus/metrics"
DRAIN_SECONDS = 30
USER = 10001
"""Not root; TF Serving needs no rights but to read."""
Manifest = dict[str, Any]


def write_deployment(name: str, config: DeploymentConfig, local_models: str, folder: Path) -> list[Path]:
    """Writes everything that serves the model `name` below `folder`.

    Args:
        name: of the model.
        config: the section `deployment`.
        local_models: where the pipeline pushes to here, for the Compose file.
        folder: made where it is not there.

    Returns:
        The files: `kubernetes.yaml`, `compose.yaml`, and TF Serving's own three, which Compose mounts.
    """
    files = {
        "kubernetes.yaml": yaml.safe_dump_all(manifests(name, config), sort_keys=False),
        "compose.yaml": yaml.safe_dump(compose(name, config, local_models), sort_keys=False),
        **{f"config/{file}": text for file, text in serving_files(name, f"/models/{name}", config).items()},
    }
    written = []
    for file, text in files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def serving_files(name: str, base_path: str, config: DeploymentConfig) -> dict[str, str]:
    """`models.config`, `batching_parameters.txt` and `monitoring.config`, in protobuf's text format."""
    labels = "".join(
        f'    version_labels {{ key: "{label}" value: {version} }}\n' for label, version in config.labels.items()
    )
    labelled = sorted(set(config.labels.values()))
    # A label needs its version loaded, however many newer ones there are.
    if labelled:
        policy = "specific { " + " ".join(f"versions: {version}" for version in labelled) + " }"
    else:
        policy = f"latest {{ num_versions: {config.versions_kept} }}"
    sizes = [2**power for power in range(config.max_batch_size.bit_length()) if 2**power < config.max_batch_size]
    allowed = "".join(f"allowed_batch_sizes: {size}\n" for size in [*sizes, config.max_batch_size])
    return {
        "models.config": (
            "model_config_list {\n"
            "  config {\n"
            f'    name: "{name}"\n'
            f'    base_path: "{base_path}"\n'
            '    model_platform: "tensorflow"\n'
            f"    model_version_policy {{ {policy} }}\n"
            f"{labels}"
            "  }\n"
            "}\n"
        ),
        "batching_parameters.txt": (
            f"max_batch_size {{ value: {config.max_batch_size} }}\n"
            f"batch_timeout_micros {{ value: {config.batch_timeout_micros} }}\n"
            "max_enqueued_batches { value: 100 }\n"
            "num_batch_threads { value: 4 }\n"
            f"{allowed}"
        ),
        "monitoring.config": f'prometheus_config {{ enable: true path: "{METRICS}" }}\n',
    }


def arguments(config: DeploymentConfig) -> list[str]:
    """Of TF Serving's program."""
    return [
        f"--port={GRPC_PORT}",
        f"--rest_api_port={REST_PORT}",
        f"--model_config_file={CONFIG_FOLDER}/models.config",
        f"--model_config_file_poll_wait_seconds={config.poll_seconds}",
        f"--file_system_poll_wait_seconds={config.poll_seconds}",
        f"--monitoring_config_file={CONFIG_FOLDER}/monitoring.config",
        "--enable_batching=true",
        f"--batching_parameters_file={CONFIG_FOLDER}/batching_parameters.txt",
        # So that a label may be moved to a version in the same step that loads it.
        "--allow_version_labels_for_unavailable_models=true",
    ]


def manifests(name: str, config: DeploymentConfig) -> list[Manifest]:
    """ConfigMap, Deployment, Service, HorizontalPodAutoscaler and PodDisruptionBudget."""
    return [
        _config_map(name, config),
        _deployment(name, config),
        _service(name, config),
        _autoscaler(name, config),
        _disruption_budget(name, config),
    ]


def compose(name: str, config: DeploymentConfig, local_models: str) -> Manifest:
    """The stock image on this machine, with the folder that the pipeline pushes to."""
    service: Manifest = {
        "image": _image(config),
        "command": arguments(config),
        "ports": [f"{GRPC_PORT}:{GRPC_PORT}", f"{REST_PORT}:{REST_PORT}"],
        "volumes": [f"{local_models}:/models/{name}:ro", f"./config:{CONFIG_FOLDER}:ro"],
        "restart": "unless-stopped",
        "stop_grace_period": f"{DRAIN_SECONDS}s",
    }
    if config.gpus:
        device = {"driver": "nvidia", "count": config.gpus, "capabilities": ["gpu"]}
        service["deploy"] = {"resources": {"reservations": {"devices": [device]}}}
    return {"services": {name: service}}


def _image(config: DeploymentConfig) -> str:
    return f"{config.image}-gpu" if config.gpus else config.image


def _metadata(name: str, config: DeploymentConfig) -> Manifest:
    return {"name": name, "namespace": config.namespace, "labels": _labels(name)}


def _labels(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/component": "model-server"}


def _base_path(name: str, config: DeploymentConfig) -> str:
    return f"{config.model_path.rstrip('/')}/{name}"


def _config_map(name: str, config: DeploymentConfig) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(f"{name}-serving", config),
        "data": serving_files(name, _base_path(name, config), config),
    }


def _deployment(name: str, config: DeploymentConfig) -> Manifest:
    # TF Serving has no gRPC health service; over REST a model's status is 200 once a version is known.
    probe = {"httpGet": {"path": f"/v1/models/{name}", "port": "rest"}}
    resources: Manifest = {
        "requests": {"cpu": config.cpu, "memory": config.memory},
        "limits": {"memory": config.memory},
    }
    mounts = [{"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True}]
    volumes: list[Manifest] = [{"name": "config", "configMap": {"name": f"{name}-serving"}}]
    if "://" not in config.model_path:
        mounts.append({"name": "models", "mountPath": config.model_path, "readOnly": True})
        claim = {"claimName": config.volume_claim, "readOnly": True}
        volumes.append({"name": "models", "persistentVolumeClaim": claim})
    environment: list[Manifest] = [{"name": "TF_CPP_MIN_LOG_LEVEL", "value": "1"}]
    if config.credentials_secret is not None and config.model_path.startswith("gs://"):
        mounts.append({"name": "credentials", "mountPath": "/credentials", "readOnly": True})
        volumes.append({"name": "credentials", "secret": {"secretName": config.credentials_secret}})
        environment.append({"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": "/credentials/key.json"})
    container: Manifest = {
        "name": "tensorflow-serving",
        "image": _image(config),
        "command": ["/usr/bin/tensorflow_model_server"],
        "args": arguments(config),
        "ports": [
            {"name": "grpc", "containerPort": GRPC_PORT},
            {"name": "rest", "containerPort": REST_PORT},
        ],
        "env": environment,
        "resources": resources,
        "startupProbe": {**probe, "periodSeconds": 5, "failureThreshold": 60},
        "readinessProbe": {**probe, "periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": {"tcpSocket": {"port": "grpc"}, "periodSeconds": 10, "failureThreshold": 3},
        # A server that stops at once would drop requests that are still being routed to it.
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "10"]}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }
    if config.credentials_secret is not None and config.model_path.startswith("s3://"):
        container["envFrom"] = [{"secretRef": {"name": config.credentials_secret}}]
    pod: Manifest = {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": DRAIN_SECONDS + 10,
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": _labels(name)},
            }
        ],
        "containers": [container],
        "volumes": volumes,
    }
    if config.gpus:
        resources["limits"]["nvidia.com/gpu"] = str(config.gpus)
        pod["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    annotations = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(REST_PORT),
        "prometheus.io/path": METRICS,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(name, config),
        "spec": {
            "replicas": config.replicas,
            "selector": {"matchLabels": _labels(name)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": _labels(name), "annotations": annotations}, "spec": pod},
        },
    }


def _service(name: str, config: DeploymentConfig) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(name, config),
        "spec": {
            "selector": _labels(name),
            "ports": [
                {"name": "grpc", "port": GRPC_PORT, "targetPort": "grpc"},
                {"name": "rest", "port": REST_PORT, "targetPort": "rest"},
            ],
        },
    }


def _autoscaler(name: str, config: DeploymentConfig) -> Manifest:
    target = {"type": "Utilization", "averageUtilization": config.target_cpu_percent}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _metadata(name, config),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": config.replicas,
            "maxReplicas": config.most_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }


def _disruption_budget(name: str, config: DeploymentConfig) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(name, config),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": _labels(name)}},
    }
