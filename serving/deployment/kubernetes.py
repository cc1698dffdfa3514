"""Kubernetes manifests for stock TensorFlow Serving."""

from __future__ import annotations

import hashlib
from typing import Any

from interestflow.serving.deployment.config import DeploymentConfig
from interestflow.serving.deployment.tf_serving import (
    BATCHING_PARAMETERS,
    CONFIG_FOLDER,
    CONNECTION_GRACE_SECONDS,
    CONNECTION_SECONDS,
    GRPC_PORT,
    MONITORING_CONFIG,
    PROGRAM,
    REST_PORT,
    SSL_CONFIG,
    TLS_FOLDER,
    metadata_path,
    server_files,
    server_flags,
    server_image,
)
from interestflow.serving.server.configuration import METRICS_PATH

PROBE_SECONDS = 5
LEAVING_SECONDS = CONNECTION_SECONDS * 11 // 10 + CONNECTION_GRACE_SECONDS
"""Seconds after which every client has another pod: gRPC keeps a connection up to a tenth longer than its age limit."""
USER = 10001
"""Any user but root; TensorFlow Serving only needs to read."""
Manifest = dict[str, Any]


def build_manifests(name: str, config: DeploymentConfig) -> list[Manifest]:
    """Return ConfigMap, Deployment, Service, HorizontalPodAutoscaler and PodDisruptionBudget of the model `name`.

    None of them holds a certificate or key: these come from the secret that `tls_secret_name` returns.
    """
    return [
        _config_map(name, config),
        _deployment(name, config),
        _service(name, config),
        _autoscaler(name, config),
        _disruption_budget(name, config),
    ]


def tls_secret_name(name: str, config: DeploymentConfig) -> str | None:
    """Return the name of the secret with `ssl.config`; None where gRPC is in plain text."""
    if not config.uses_tls:
        return None
    return config.tls_secret or f"{name}-tls"


def _files(name: str, config: DeploymentConfig) -> dict[str, str]:
    return server_files(name, f"{config.model_path.rstrip('/')}/{name}", config)


def _metadata(name: str, config: DeploymentConfig, model: str) -> Manifest:
    return {"name": name, "namespace": config.namespace, "labels": _labels(model)}


def _labels(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/component": "model-server"}


def _config_map(name: str, config: DeploymentConfig) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(f"{name}-serving", config, name),
        "data": _files(name, config),
    }


def _deployment(name: str, config: DeploymentConfig) -> Manifest:
    files = _files(name, config)
    # These two are only read at the start, so a change of them needs new pods; models.config is read while pods run.
    read_once = files.get(BATCHING_PARAMETERS, "") + files[MONITORING_CONFIG]
    annotations = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(REST_PORT),
        "prometheus.io/path": METRICS_PATH,
        "interestflow/read-once": hashlib.sha256(read_once.encode()).hexdigest()[:16],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(name, config, name),
        # The autoscaler owns `replicas`: if they stood here as well, every `kubectl apply` would set them back.
        "spec": {
            "selector": {"matchLabels": _labels(name)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": _labels(name), "annotations": annotations}, "spec": _pod(name, config)},
        },
    }


def _pod(name: str, config: DeploymentConfig) -> Manifest:
    volumes = _volumes(name, config)
    pod: Manifest = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        # TensorFlow Serving does not handle SIGTERM, and the first process of a container ignores signals that it does
        # not handle. With a shared namespace it is not the first.
        "shareProcessNamespace": True,
        "terminationGracePeriodSeconds": LEAVING_SECONDS + 15,
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": _labels(name)},
            }
            for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
        ],
        "containers": [_container(name, config, volumes)],
        "volumes": [{"name": volume, **source} for volume, (_, source) in volumes.items()],
    }
    if config.service_account is not None:
        pod["serviceAccountName"] = config.service_account
    if config.gpus:
        pod["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    return pod


def _volumes(name: str, config: DeploymentConfig) -> dict[str, tuple[str, Manifest]]:
    """Return the mount path and the source of each volume by name."""
    volumes: dict[str, tuple[str, Manifest]] = {
        "config": (CONFIG_FOLDER, {"configMap": {"name": f"{name}-serving"}}),
        "temporary": ("/tmp", {"emptyDir": {}}),
    }
    if config.model_path.startswith("/"):
        claim = {"claimName": config.volume_claim, "readOnly": True}
        volumes["models"] = (config.model_path, {"persistentVolumeClaim": claim})
    if config.model_path.startswith("gs://") and config.credentials_secret is not None:
        volumes["credentials"] = ("/credentials", {"secret": {"secretName": config.credentials_secret}})
    secret = tls_secret_name(name, config)
    if secret is not None:
        # Kubernetes refuses to mount a key that is not there; without the file the server would abort.
        items = [{"key": SSL_CONFIG, "path": SSL_CONFIG}]
        volumes["tls"] = (TLS_FOLDER, {"secret": {"secretName": secret, "items": items}})
    return volumes


def _container(name: str, config: DeploymentConfig, volumes: dict[str, tuple[str, Manifest]]) -> Manifest:
    environment: list[Manifest] = [{"name": "TF_CPP_MIN_LOG_LEVEL", "value": "1"}]
    if "credentials" in volumes:
        environment.append({"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": "/credentials/key.json"})
    limits: Manifest = {"memory": config.memory}
    if config.gpus:
        limits["nvidia.com/gpu"] = str(config.gpus)
    container: Manifest = {
        "name": "tensorflow-serving",
        "image": server_image(config),
        "command": [PROGRAM],
        "args": server_flags(config),
        "ports": [{"name": "grpc", "containerPort": GRPC_PORT}, {"name": "rest", "containerPort": REST_PORT}],
        "env": environment,
        "resources": {"requests": {"cpu": config.cpu, "memory": config.memory}, "limits": limits},
        **_probes(name, config),
        # SIGTERM ends the server during requests, so clients first get the time to leave.
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(LEAVING_SECONDS)]}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": volume, "mountPath": path, "readOnly": volume != "temporary"}
            for volume, (path, _) in volumes.items()
        ],
    }
    if config.model_path.startswith("s3://") and config.credentials_secret is not None:
        container["envFrom"] = [{"secretRef": {"name": config.credentials_secret}}]
    return container


def _probes(name: str, config: DeploymentConfig) -> Manifest:
    # Probe REST, because gRPC's health service is off unless a flag of newer versions turns it on, and Kubernetes
    # cannot ask it over TLS. Request the metadata, because the model's own path answers 200 even when no version of it
    # is left.
    serves = {"httpGet": {"path": metadata_path(name), "port": "rest"}, "timeoutSeconds": 5}
    # A new process would not bring back a missing version, so the liveness probe only asks whether the server answers.
    answers = {"httpGet": {"path": f"/v1/models/{name}", "port": "rest"}, "timeoutSeconds": 5}
    return {
        "startupProbe": {
            **serves,
            "periodSeconds": PROBE_SECONDS,
            "failureThreshold": -(-config.startup_seconds // PROBE_SECONDS),
        },
        "readinessProbe": {**serves, "periodSeconds": PROBE_SECONDS, "failureThreshold": 2},
        # Wait a minute: ending a server that is only busy would make the others busier.
        "livenessProbe": {**answers, "periodSeconds": 10, "failureThreshold": 6},
    }


def _service(name: str, config: DeploymentConfig) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(name, config, name),
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
        "metadata": _metadata(name, config, name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": config.replicas,
            "maxReplicas": config.max_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }


def _disruption_budget(name: str, config: DeploymentConfig) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(name, config, name),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": _labels(name)}},
    }
