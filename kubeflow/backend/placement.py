"""What the platform document says of a step: volumes, secrets, scratch folders, and what only a cluster can do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2

from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.quantities import parse_quantity

ExecutorConfig = kubernetes_executor_config_pb2.KubernetesExecutorConfig
PULL_POLICIES = ("Always", "Never", "IfNotPresent")
_ABSENT_HERE = (
    "config_map_as_volume", "config_map_as_env", "field_path_as_env", "generic_ephemeral_volume",
)  # fmt: skip
"""Fields that give a step what only a cluster has."""
_SCHEDULING = (
    "node_selector", "tolerations", "node_affinity", "pod_affinity", "pod_metadata", "image_pull_secret",
    "image_pull_policy", "security_context",
)  # fmt: skip
"""Fields that say where and how a pod is started, without effect on what its step does."""


@dataclass(frozen=True)
class Volume:
    """Volume claim, or secret whose keys are files, that a step sees at a path."""

    claim: str
    mount_path: str
    sub_path: str = ""
    is_secret: bool = False

    @property
    def description(self) -> str:
        """What it is, for messages: e.g. "volume `logs`"."""
        return f"{'secret' if self.is_secret else 'volume'} `{self.claim}`"


@dataclass(frozen=True)
class ScratchFolder:
    """Empty folder of a step (`emptyDirMounts`), in memory or on disk; `size` in bytes, None without a limit."""

    mount_path: str
    in_memory: bool
    size: int | None


@dataclass(frozen=True)
class SecretVariable:
    """Environment variable of a step whose value is a secret."""

    name: str
    secret: str
    is_optional: bool


@dataclass(frozen=True)
class Placement:
    """What the platform document asks for one executor.

    Attributes:
        volumes: volume claims, then secrets whose keys are files.
        scratch_folders: empty folders.
        secrets: variables whose values are secrets.
        deadline: seconds after which the step is ended; None for no limit.
        not_applied: names of the fields that have no meaning on one machine.
    """

    volumes: tuple[Volume, ...] = ()
    scratch_folders: tuple[ScratchFolder, ...] = ()
    secrets: tuple[SecretVariable, ...] = ()
    deadline: int | None = None
    not_applied: tuple[str, ...] = ()


def parse_placement(executor: str, document: Any) -> Placement:
    """Parse and check the platform document's entry of an executor.

    Args:
        executor: label of the executor, for messages.
        document: the entry, a protobuf `Struct`.

    Raises:
        RefusedError: a field is unknown, dropped by the backend, or asks for what only a cluster has.
    """
    place = f"the platform document, executor `{executor}`"
    config = ExecutorConfig()
    try:
        json_format.ParseDict(json_format.MessageToDict(document), config)
    except (json_format.ParseError, AttributeError, TypeError, ValueError) as error:
        raise RefusedError(f"{place}: {error}") from None
    if config.HasField("enabled_shared_memory"):
        raise RefusedError(
            f"{place}: the backend drops `enabledSharedMemory` without a word; "
            "use `emptyDirMounts` with medium Memory at /dev/shm"
        )
    present = {field.name: field.json_name for field, _ in config.ListFields()}
    for name in _ABSENT_HERE:
        if name in present:
            raise RefusedError(f"{place}: `{present[name]}` needs a cluster and cannot be executed on one machine")
    if config.image_pull_policy and config.image_pull_policy not in PULL_POLICIES:
        raise RefusedError(
            f"{place}: `imagePullPolicy` should be one of {', '.join(PULL_POLICIES)}, "
            f"but is {config.image_pull_policy!r}"
        )
    return Placement(
        volumes=(
            *(_volume(place, mount) for mount in config.pvc_mount),
            *(_secret_folder(place, mount) for mount in config.secret_as_volume),
        ),
        scratch_folders=tuple(_scratch_folder(place, mount) for mount in config.empty_dir_mounts),
        secrets=tuple(_secrets(place, config)),
        deadline=config.active_deadline_seconds or None,
        not_applied=tuple(present[name] for name in _SCHEDULING if name in present),
    )


def _constant(place: str, field: str, parameter: Any) -> str:
    value: str = parameter.runtime_value.constant.string_value
    if not value:
        raise RefusedError(f"{place}: `{field}` should be a constant text; other kinds need a cluster")
    return value


def _volume(place: str, mount: Any) -> Volume:
    kind = mount.WhichOneof("pvc_reference")
    if mount.HasField("pvc_name_parameter"):
        claim = _constant(place, "pvcMount.pvcNameParameter", mount.pvc_name_parameter)
    elif kind == "constant" and mount.constant:
        claim = mount.constant
    else:
        raise RefusedError(f"{place}: `pvcMount` should name its claim by a constant; other kinds need a cluster")
    return Volume(claim, _mount_path(place, "pvcMount", mount), mount.sub_path)


def _mount_path(place: str, field: str, mount: Any) -> str:
    """Return the path of a mount, without a slash at the end."""
    path: str = mount.mount_path
    if not path.startswith("/"):
        raise RefusedError(f"{place}: `{field}.mountPath` should be an absolute path, but is {path!r}")
    return path.rstrip("/") or "/"


def _secret_folder(place: str, mount: Any) -> Volume:
    if mount.HasField("secret_name_parameter"):
        secret = _constant(place, "secretAsVolume.secretNameParameter", mount.secret_name_parameter)
    elif mount.secret_name:
        secret = mount.secret_name
    else:
        raise RefusedError(f"{place}: `secretAsVolume` names no secret")
    return Volume(secret, _mount_path(place, "secretAsVolume", mount), is_secret=True)


def _scratch_folder(place: str, mount: Any) -> ScratchFolder:
    path = _mount_path(place, "emptyDirMounts", mount)
    if mount.medium not in ("", "Memory"):
        raise RefusedError(f"{place}: `emptyDirMounts.medium` should be Memory or absent, but is {mount.medium!r}")
    size = parse_quantity(f"{place}: `emptyDirMounts.sizeLimit`", mount.size_limit) if mount.size_limit else None
    return ScratchFolder(path, mount.medium == "Memory", None if size is None else int(size))


def _secrets(place: str, config: Any) -> Iterator[SecretVariable]:
    for entry in config.secret_as_env:
        if entry.HasField("secret_name_parameter"):
            secret = _constant(place, "secretAsEnv.secretNameParameter", entry.secret_name_parameter)
        elif entry.secret_name:
            secret = entry.secret_name
        else:
            raise RefusedError(f"{place}: `secretAsEnv` names no secret")
        for variable in entry.key_to_env:
            if not variable.env_var or not variable.secret_key:
                raise RefusedError(f"{place}: `secretAsEnv.keyToEnv` should have `secretKey` and `envVar`")
            yield SecretVariable(variable.env_var, secret, entry.optional)
