"""Types of the names and quantities that Kubernetes accepts, each with a readable mistake."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

LAUNCHER_FOLDERS = ("/gcs", "/s3", "/minio", "/kfp-launcher", "/.local", "/.cache", "/.config")
"""Folders in every pod that Kubeflow Pipelines mounts itself."""
SYSTEM_FOLDERS = (
    "/bin",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/opt",
    "/proc",
    "/sbin",
    "/sys",
    "/tmp",
    "/usr",
    "/var/run",
)
MOUNT_PATH = re.compile(r"(/[A-Za-z0-9._-]+)+")


def _matching(pattern: str, expectation: str, longest: int = 253) -> AfterValidator:
    """Return the validator of a text that should match `pattern` as a whole."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value) or len(value) > longest:
            raise ValueError(f"should be {expectation}, received {value!r}")
        return value

    return AfterValidator(check)


def _at_a_free_folder(path: str) -> str:
    """Return the path of a mount if nothing that a pod needs lies there."""
    if not MOUNT_PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise ValueError(f"should be an absolute folder such as /data, received {path!r}")
    for folder in (*LAUNCHER_FOLDERS, *SYSTEM_FOLDERS):
        if path == folder or path.startswith(f"{folder}/"):
            owner = "Kubeflow Pipelines" if folder in LAUNCHER_FOLDERS else "the image"
            raise ValueError(f"should be a folder such as /data, since {owner} uses {folder}, received {path!r}")
    return path


ObjectName = Annotated[
    str, _matching(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", "a name that Kubernetes allows, such as my-models")
]
"""Name of a Kubernetes object."""
VolumeName = Annotated[
    str, _matching(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", "lower-case letters, digits and -, such as my-models", 63)
]
"""Name of an object after which Kubeflow Pipelines calls a volume, which has no dots therefore."""
LabelKey = Annotated[
    str,
    _matching(
        r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", "a name such as nvidia.com/gpu"
    ),
]
"""Key of a label or name of a resource, with or without a domain."""
SecretKey = Annotated[str, _matching(r"[A-Za-z0-9._-]+", "a key of the secret: letters, digits, '.', '_' and '-'")]
EnvironmentName = Annotated[str, _matching(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a variable, such as AWS_REGION")]
Cpu = Annotated[str, _matching(r"(?=.*[1-9])[0-9]+(\.[0-9]{1,3})?|[1-9][0-9]*m", "a number of CPUs such as 2 or 500m")]
Size = Annotated[str, _matching(r"(?=.*[1-9])[0-9]+(\.[0-9]+)?([KMGTP]i|[kMGTP])", "a size with its unit, such as 4Gi")]
"""Number of bytes with a unit: a bare number would mean bytes, which nobody intends."""
MountPath = Annotated[str, AfterValidator(_at_a_free_folder)]
