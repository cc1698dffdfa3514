"""Section `kubeflow` of the configuration: what a compiled pipeline needs to run on a cluster."""

from __future__ import annotations

import itertools
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from interestflow.kubeflow.names import (
    Cpu,
    EnvironmentName,
    LabelKey,
    MountPath,
    ObjectName,
    SecretKey,
    Size,
    VolumeName,
)
from interestflow.section import NonNegativeInt, Section

CREDENTIAL = re.compile(
    r"(^|_)(SECRETS?|PASSWORDS?|PASSWD|PASSPHRASE|TOKENS?|CREDENTIALS?)($|_)|(ACCESS|API|PRIVATE)_?KEY"
)
CREDENTIAL_LOCATION = re.compile(r"GOOGLE_APPLICATION_CREDENTIALS|.*_(FILE|PATH|URI)")
"""Names of variables that say where a credential lies, and hold none."""


def _holds_no_credential(name: str) -> str:
    if CREDENTIAL.search(name.upper()) and not CREDENTIAL_LOCATION.fullmatch(name):
        raise ValueError(
            "should be in `kubeflow.secrets`, since everyone who can see the pipeline reads `kubeflow.environment`"
        )
    return name


PlainEnvironmentName = Annotated[EnvironmentName, AfterValidator(_holds_no_credential)]
Steps = Annotated[
    Annotated[tuple[str, ...], Field(min_length=1)] | None,
    Field(description="Ids of the steps that it is for, e.g. [Trainer]; by default all steps."),
]


class TolerationConfig(Section):
    """Taint of nodes that a pod may run on all the same."""

    key: str | None = Field(None, description="Key of the taint; by default all keys, with `operator` Exists.")
    operator: Literal["Equal", "Exists"] = Field("Equal", description="Whether the taint's value must equal `value`.")
    value: str | None = Field(None, description="Value of the taint, for `operator` Equal.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="Effect of the taint; by default every effect."
    )

    @model_validator(mode="after")
    def _matches_something(self) -> TolerationConfig:
        if self.operator == "Exists" and self.value is not None:
            raise ValueError(f"`value` should be left out where `operator` is Exists, received {self.value!r}")
        if self.operator == "Equal" and self.key is None:
            raise ValueError("`operator` should be Exists where there is no `key`, received 'Equal'")
        return self


class ResourcesConfig(Section):
    """What each step's pod requests of its node."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    cpu: Cpu = Field("1", description="CPUs that are reserved, e.g. 2 or 500m; a step may use more that are idle.")
    cpu_limit: Cpu | None = Field(None, description="CPUs that a step never exceeds; by default there is no limit.")
    memory: Size = Field(
        "4Gi",
        description="Memory that is reserved and also the limit, with its unit: 4Gi is 4 * 2^30 bytes, 4G 4 * 10^9.",
    )
    disk: Size | None = Field(
        "10Gi",
        description="Local disk that is reserved and also the limit: all inputs and outputs of a step lie there while "
        "it runs. A step with GPUs cannot reserve any: Kubeflow Pipelines has one field for both.",
    )


class StepConfig(Section):
    """Settings of one step, in place of those of all steps."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    cpu: Cpu | None = Field(None, description="CPUs that are reserved; by default `kubeflow.resources.cpu`.")
    cpu_limit: Cpu | None = Field(
        None, description="Largest number of CPUs; by default `kubeflow.resources.cpu_limit`."
    )
    memory: Size | None = Field(None, description="Memory, e.g. 16Gi; by default `kubeflow.resources.memory`.")
    disk: Size | None = Field(None, description="Local disk, e.g. 50Gi; by default `kubeflow.resources.disk`.")
    gpus: NonNegativeInt | None = Field(
        None, description="GPUs; by default `kubeflow.trainer_gpus` for training steps and none for others."
    )
    gpu_type: LabelKey | None = Field(None, description="Resource name of the GPUs; by default `kubeflow.gpu_type`.")
    node_selector: dict[LabelKey, str] = Field({}, description="Labels that the node must have, e.g. {pool: gpu}.")
    tolerations: tuple[TolerationConfig, ...] = Field((), description="Taints of nodes that the step may run on.")
    retries: NonNegativeInt | None = Field(
        None, description="Further attempts; by default `kubeflow.retries`, and none for checks of the data."
    )

    @model_validator(mode="after")
    def _requests_disk_or_gpus(self) -> StepConfig:
        if self.gpus and self.disk is not None:
            raise ValueError(
                "`disk` should be left out where there are `gpus`, since Kubeflow Pipelines has one field for both, "
                f"received {self.disk!r}"
            )
        return self


class SecretConfig(Section):
    """Kubernetes secret that steps receive, as variables or as files."""

    name: VolumeName = Field(description="Name of the secret, in the namespace of the runs.")
    env: dict[EnvironmentName, SecretKey] = Field(
        {}, description="Key of the secret by variable, e.g. {AWS_SECRET_ACCESS_KEY: secretkey}."
    )
    mount_path: MountPath | None = Field(
        None, description="Folder in which each key of the secret is a file, e.g. /secrets/google."
    )
    steps: Steps = None

    @model_validator(mode="after")
    def _is_used(self) -> SecretConfig:
        if not self.env and self.mount_path is None:
            raise ValueError("`env` should name the variables to set, unless there is a `mount_path`, received neither")
        return self


class VolumeConfig(Section):
    """Persistent volume claim that is mounted in the pods of steps."""

    claim: VolumeName = Field(description="Name of the persistent volume claim, in the namespace of the runs.")
    mount_path: MountPath = Field(description="Folder under which steps see the volume, e.g. /data.")
    steps: Steps = None


class KubeflowConfig(Section):
    """Images, storage, resources and access of the pipeline on Kubeflow Pipelines."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    image: str | None = Field(
        None, description="Container image that steps run in, e.g. ghcr.io/me/interestflow:1.2. Needed to compile."
    )
    gpu_image: str | None = Field(
        None, description="Container image of steps with GPUs. Needed to compile where a step has GPUs."
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = Field(
        None, description="When nodes pull the image; by default as Kubernetes does: always for the tag latest alone."
    )
    image_pull_secrets: tuple[ObjectName, ...] = Field((), description="Secrets with the image registry's credentials.")
    pipeline_root: str | None = Field(
        None,
        description="URL (gs, s3 or minio) below which the artifacts of all runs are stored. Needed to compile.",
    )
    endpoint: str | None = Field(
        None, description="URL of Kubeflow Pipelines, e.g. http://localhost:8080. Needed to submit."
    )
    namespace: ObjectName = Field("kubeflow", description="Namespace of the runs.")
    experiment: str | None = Field(None, description="Experiment of the runs; by default the pipeline's `name`.")
    service_account: ObjectName | None = Field(
        None, description="Service account of the runs' pods; by default that of Kubeflow Pipelines, pipeline-runner."
    )
    environment: dict[PlainEnvironmentName, str] = Field(
        {}, description="Environment variables of every step, e.g. {AWS_ENDPOINT_URL: http://minio.storage:9000}."
    )
    secrets: tuple[SecretConfig, ...] = Field(
        (), description="Secrets that steps receive, such as an object store's keys."
    )
    volumes: tuple[VolumeConfig, ...] = Field((), description="Volume claims that are mounted in steps.")
    resources: ResourcesConfig = Field(
        ResourcesConfig(), description="What each step requests, unless `steps` differs."
    )
    retries: NonNegativeInt = Field(
        2,
        description="Further attempts of a step that failed; training continues from its backup. Checks of the data "
        "have none, since they would fail again.",
    )
    trainer_gpus: NonNegativeInt = Field(0, description="GPUs of each training step.")
    gpu_type: LabelKey = Field("nvidia.com/gpu", description="Kubernetes resource name of the GPUs.")
    shared_memory: Size = Field(
        "1Gi",
        description="Size of /dev/shm in steps with GPUs, over which several GPUs exchange gradients; it counts as "
        "memory of the step.",
    )
    steps: dict[str, StepConfig] = Field({}, description="Settings of single steps, by step id, e.g. {Trainer: {...}}.")
    on_refusal: Literal["skip_push", "fail"] = Field(
        "skip_push",
        description="What a run does whose model a gate refuses: skip_push succeeds without a push, fail fails.",
    )

    @model_validator(mode="after")
    def _sets_each_variable_once(self) -> KubeflowConfig:
        for position, secret in enumerate(self.secrets):
            others = [other.env for other in self.secrets[:position] if _share_a_step(secret, other)]
            repeated = [name for name in secret.env if any(name in names for names in (self.environment, *others))]
            if repeated:
                raise ValueError(f"`secrets` should set variables that nothing else sets, received {repeated[0]} twice")
        return self

    @model_validator(mode="after")
    def _mounts_each_volume_once(self) -> KubeflowConfig:
        mounts: list[SecretConfig | VolumeConfig] = [*self.volumes]
        mounts += [secret for secret in self.secrets if secret.mount_path is not None]
        for first, second in itertools.combinations(mounts, 2):
            if first.mount_path == second.mount_path and _share_a_step(first, second):
                raise ValueError(f"`volumes` should name each `mount_path` once, received {first.mount_path!r} twice")
        for claim, other in itertools.combinations(self.volumes, 2):
            if claim.claim == other.claim and _share_a_step(claim, other):
                raise ValueError(f"`volumes` should name each `claim` once, received {claim.claim!r} twice")
        return self


def _share_a_step(first: SecretConfig | VolumeConfig, second: SecretConfig | VolumeConfig) -> bool:
    """Return whether two entries are for the same step."""
    return first.steps is None or second.steps is None or not set(first.steps).isdisjoint(second.steps)
