"""Settings of each step's pod: those of all steps, and what `kubeflow.steps` has in their place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interestflow.digests import text_digest
from interestflow.kubeflow.config import KubeflowConfig, SecretConfig, StepConfig, TolerationConfig, VolumeConfig

ENVIRONMENT = {
    # TFX imports what asks for `tf.keras` before it imports `interestflow.pipeline`, whose `__init__.py` says why it
    # sets the same variable.
    "TF_USE_LEGACY_KERAS": "1",
    # As `interestflow run` does. With oneDNN, sums are in another order, and metrics differ in the third decimal.
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
"""Variables of every step, unless `kubeflow.environment` sets them to something else."""


@dataclass(frozen=True)
class StepSettings:
    """Settings of one step.

    Attributes:
        image: container image; the one for GPUs where the step has any.
        environment: variables with their values.
        cpu: CPUs that are reserved.
        cpu_limit: largest number of CPUs; None for no limit.
        memory: memory that is reserved and the limit.
        disk: local disk that is reserved and the limit; None where none is, as in every step with GPUs.
        gpus: number of GPUs.
        gpu_type: Kubernetes resource name of the GPUs.
        node_selector: labels that the node must have.
        tolerations: taints of nodes that the step may run on.
        retries: further attempts after a failed one.
        volumes: volume claims that are mounted.
        secrets: secrets that are received.
    """

    image: str
    environment: Mapping[str, str]
    cpu: str
    cpu_limit: str | None
    memory: str
    disk: str | None
    gpus: int
    gpu_type: str
    node_selector: Mapping[str, str]
    tolerations: tuple[TolerationConfig, ...]
    retries: int
    volumes: tuple[VolumeConfig, ...]
    secrets: tuple[SecretConfig, ...]

    def environment_digest(self, pipeline_root: str) -> str:
        """Return a digest of all that a step's result may depend on and that the backend's cache key leaves out.

        The key has image, arguments, parameters, the names of volume claims and the ids of inputs. It lacks the root
        (artifacts of another store cannot be fetched), the environment, where volumes are mounted, and which key of
        which secret a variable is. Resources, nodes and retries are left out on purpose: training that ran out of
        memory and got more must not begin again with its inputs.
        """
        seen = {
            "root": pipeline_root,
            "environment": dict(self.environment),
            "volumes": [[volume.claim, volume.mount_path] for volume in self.volumes],
            "secrets": [[secret.name, dict(secret.env), secret.mount_path] for secret in self.secrets],
        }
        return text_digest(json.dumps(seen, sort_keys=True))


def gpus_of(config: KubeflowConfig, step: str, is_training: bool) -> int:
    """Return the number of GPUs of a step."""
    gpus = config.steps.get(step, StepConfig()).gpus
    if gpus is not None:
        return gpus
    return config.trainer_gpus if is_training else 0


def step_settings(
    config: KubeflowConfig, step: str, is_training: bool = False, is_verdict: bool = False
) -> StepSettings:
    """Return the settings of one step.

    Args:
        config: the section `kubeflow`, with the images that its steps need.
        step: id of the step.
        is_training: whether the step trains a model.
        is_verdict: whether the step fails to say no, so that another attempt is of no use.
    """
    override, resources = config.steps.get(step, StepConfig()), config.resources
    gpus, retries = gpus_of(config, step, is_training), 0 if is_verdict else config.retries
    image = config.gpu_image if gpus else config.image
    if image is None:
        raise ValueError(f"`kubeflow.{'gpu_image' if gpus else 'image'}` is missing, the image of the step {step}")
    return StepSettings(
        image=image,
        environment={**ENVIRONMENT, **config.environment},
        cpu=override.cpu or resources.cpu,
        cpu_limit=override.cpu_limit or resources.cpu_limit,
        memory=override.memory or resources.memory,
        disk=None if gpus else override.disk or resources.disk,
        gpus=gpus,
        gpu_type=override.gpu_type or config.gpu_type,
        node_selector=override.node_selector,
        tolerations=override.tolerations,
        retries=retries if override.retries is None else override.retries,
        volumes=_for_step(config.volumes, step),
        secrets=_for_step(config.secrets, step),
    )


def _for_step(entries: tuple[Any, ...], step: str) -> tuple[Any, ...]:
    """Return the volumes or secrets that are for all steps or for this one."""
    return tuple(entry for entry in entries if entry.steps is None or step in entry.steps)
