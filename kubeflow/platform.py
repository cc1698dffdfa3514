"""The platform document of a compiled pipeline: what of a step's pod the specification itself has no words for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as platform_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from interestflow.kubeflow.config import KubeflowConfig, SecretConfig, TolerationConfig, VolumeConfig
from interestflow.kubeflow.step_settings import StepSettings

PLATFORM = "kubernetes"
SHARED_MEMORY_PATH = "/dev/shm"


def platform_document(config: KubeflowConfig, steps: Mapping[str, StepSettings]) -> dict[str, Any] | None:
    """Return the platform document, the second one of a compiled file.

    Args:
        config: the section `kubeflow`.
        steps: settings by the label of the step's executor.

    Returns:
        The document; None where no step needs anything that it could say.
    """
    executors = {label: json_format.MessageToDict(executor_config(config, steps[label])) for label in sorted(steps)}
    needed = {label: fields for label, fields in executors.items() if fields}
    return {"platforms": {PLATFORM: {"deploymentSpec": {"executors": needed}}}} if needed else None


def executor_config(config: KubeflowConfig, settings: StepSettings) -> platform_pb2.KubernetesExecutorConfig:
    """Return what the backend adds to the pod of one step."""
    return platform_pb2.KubernetesExecutorConfig(
        image_pull_policy=config.image_pull_policy or "",
        image_pull_secret=[
            platform_pb2.ImagePullSecret(secret_name=name, secret_name_parameter=_constant(name))
            for name in config.image_pull_secrets
        ],
        node_selector=platform_pb2.NodeSelector(labels=settings.node_selector) if settings.node_selector else None,
        tolerations=[_toleration(toleration) for toleration in settings.tolerations],
        pvc_mount=[_volume_mount(volume) for volume in settings.volumes],
        secret_as_env=[_secret_variables(secret) for secret in settings.secrets if secret.env],
        secret_as_volume=[_secret_mount(secret) for secret in settings.secrets if secret.mount_path is not None],
        empty_dir_mounts=[_shared_memory(config.shared_memory)] if settings.gpus else [],
    )


def _constant(value: str) -> Any:
    """Return a name as the backend reads it now; its older versions read the plain field that stands beside it."""
    message = pipeline_spec_pb2.TaskInputsSpec.InputParameterSpec()
    message.runtime_value.constant.string_value = value
    return message


def _volume_mount(volume: VolumeConfig) -> platform_pb2.PvcMount:
    return platform_pb2.PvcMount(
        constant=volume.claim, pvc_name_parameter=_constant(volume.claim), mount_path=volume.mount_path
    )


def _secret_variables(secret: SecretConfig) -> platform_pb2.SecretAsEnv:
    return platform_pb2.SecretAsEnv(
        secret_name=secret.name,
        secret_name_parameter=_constant(secret.name),
        key_to_env=[
            platform_pb2.SecretAsEnv.SecretKeyToEnvMap(secret_key=key, env_var=variable)
            for variable, key in sorted(secret.env.items())
        ],
        optional=False,  # a step without its credentials should not start
    )


def _secret_mount(secret: SecretConfig) -> platform_pb2.SecretAsVolume:
    return platform_pb2.SecretAsVolume(
        secret_name=secret.name,
        secret_name_parameter=_constant(secret.name),
        mount_path=secret.mount_path,
        optional=False,
    )


def _toleration(toleration: TolerationConfig) -> platform_pb2.Toleration:
    return platform_pb2.Toleration(
        key=toleration.key, operator=toleration.operator, value=toleration.value, effect=toleration.effect
    )


def _shared_memory(size: str) -> platform_pb2.EmptyDirMount:
    """Return the memory over which NCCL joins the gradients of several GPUs; containers have 64 MiB of it by default.

    The field `enabledSharedMemory` is meant for this, and the backend drops it without a word.
    """
    return platform_pb2.EmptyDirMount(
        volume_name="shared-memory", mount_path=SHARED_MEMORY_PATH, medium="Memory", size_limit=size
    )
