"""The platform document: the fields of kfp-kubernetes that the backend turns into a pod's."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2

from interestflow.kubeflow.config import KubeflowConfig
from interestflow.kubeflow.platform import platform_document
from interestflow.kubeflow.step_settings import step_settings

IMAGES = {"image": "toy:cpu", "gpu_image": "toy:gpu"}


def executors(names: tuple[str, ...] = ("Read", "Trainer"), **values: Any) -> dict[str, dict[str, Any]]:
    """Return the document's entry of each step, read by kfp's own class, which refuses unknown fields."""
    config = KubeflowConfig.model_validate(IMAGES | values)
    settings = {f"{step}_executor": step_settings(config, step, step == "Trainer") for step in names}
    document = platform_document(config, settings)
    if document is None:
        return {}
    (platform,) = document["platforms"].items()
    assert platform[0] == "kubernetes"
    entries: dict[str, dict[str, Any]] = platform[1]["deploymentSpec"]["executors"]
    for entry in entries.values():
        json_format.ParseDict(entry, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
    return {label.removesuffix("_executor"): entry for label, entry in entries.items()}


def constant(name: str) -> dict[str, Any]:
    return {"runtimeValue": {"constant": name}}


def test_there_is_none_where_nothing_asks_for_it() -> None:
    assert executors() == {}
    assert executors(resources={"memory": "8Gi"}, retries=3, environment={"A": "b"}) == {}


def test_steps_that_need_nothing_are_not_in_it() -> None:
    volumes = [{"claim": "logs", "mount_path": "/data", "steps": ["Read"]}]
    assert set(executors(volumes=volumes)) == {"Read"}


def test_volumes() -> None:
    volumes = [{"claim": "logs", "mount_path": "/data"}, {"claim": "models", "mount_path": "/models"}]
    assert executors(("Read",), volumes=volumes)["Read"] == {
        "pvcMount": [
            {"constant": "logs", "pvcNameParameter": constant("logs"), "mountPath": "/data"},
            {"constant": "models", "pvcNameParameter": constant("models"), "mountPath": "/models"},
        ]
    }


def test_secrets_as_variables_and_as_files() -> None:
    secrets = [
        {"name": "store", "env": {"AWS_SECRET_ACCESS_KEY": "secretkey", "AWS_ACCESS_KEY_ID": "accesskey"}},
        {"name": "google", "mount_path": "/secrets/google"},
    ]
    assert executors(("Read",), secrets=secrets)["Read"] == {
        "secretAsEnv": [
            {
                "secretName": "store",
                "secretNameParameter": constant("store"),
                "keyToEnv": [
                    {"secretKey": "accesskey", "envVar": "AWS_ACCESS_KEY_ID"},
                    {"secretKey": "secretkey", "envVar": "AWS_SECRET_ACCESS_KEY"},
                ],
                "optional": False,
            }
        ],
        "secretAsVolume": [
            {
                "secretName": "google",
                "secretNameParameter": constant("google"),
                "mountPath": "/secrets/google",
                "optional": False,
            }
        ],
    }


def test_images() -> None:
    values = {"image_pull_policy": "Always", "image_pull_secrets": ["registry", "mirror"]}
    assert executors(("Read",), **values)["Read"] == {
        "imagePullPolicy": "Always",
        "imagePullSecret": [
            {"secretName": "registry", "secretNameParameter": constant("registry")},
            {"secretName": "mirror", "secretNameParameter": constant("mirror")},
        ],
    }


def test_nodes() -> None:
    tolerations = [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "team", "value": "ads"},
        {"operator": "Exists"},
    ]
    steps = {"Read": {"node_selector": {"pool": "big"}, "tolerations": tolerations}}
    assert set(executors(steps=steps)) == {"Read"}
    assert executors(steps=steps)["Read"] == {
        "nodeSelector": {"labels": {"pool": "big"}},
        "tolerations": [
            {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
            {"key": "team", "operator": "Equal", "value": "ads"},
            {"operator": "Exists"},
        ],
    }


def test_steps_with_gpus_share_memory_by_a_folder_in_memory() -> None:
    """The backend drops the field that is called so, `enabledSharedMemory`."""
    assert executors(trainer_gpus=2, shared_memory="8Gi") == {
        "Trainer": {
            "emptyDirMounts": [
                {"volumeName": "shared-memory", "mountPath": "/dev/shm", "medium": "Memory", "sizeLimit": "8Gi"}
            ]
        }
    }
