"""Names and quantities of Kubernetes: which are accepted."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from interestflow.kubeflow import names

ACCEPTED = {
    "ObjectName": ["models", "my.secret", "a" * 253],
    "VolumeName": ["models", "interestflow-logs", "a" * 63],
    "LabelKey": ["nvidia.com/gpu", "pool", "topology.kubernetes.io/zone", "amd.com/gpu"],
    "SecretKey": ["accesskey", "tls.crt", "KEY_1"],
    "EnvironmentName": ["AWS_REGION", "_x", "a1"],
    "Cpu": ["1", "0.5", "500m", "16"],
    "Size": ["4Gi", "512Mi", "1.5Gi", "8G", "100k"],
    "MountPath": ["/data", "/mnt/data/logs", "/.data", "/s3data"],
}
REFUSED = {
    "ObjectName": ["", "Models", "-a", "a_b", "a" * 254],
    "VolumeName": ["my.secret", "a" * 64, "a-"],
    "LabelKey": ["", "nvidia.com/", "a b"],
    "SecretKey": ["", "a b", "a/b"],
    "EnvironmentName": ["", "1a", "A-B", "A B"],
    "Cpu": ["0", "0.0", "-1", "two", "1.0005", "0m", "1k"],
    "Size": ["8", "0Gi", "4gb", "4 Gi", "4GiB", "-1Gi", "4096m"],
    "MountPath": ["data", "/", "/data/", "/a/../b", "/a b", "/gcs", "/minio/x", "/dev/shm", "/etc", "C:/data"],
}  # fmt: skip


def cases(values: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, texts in values.items() for value in texts]


def parse(name: str, value: str) -> Any:
    return TypeAdapter(getattr(names, name)).validate_python(value)


@pytest.mark.parametrize(("name", "value"), cases(ACCEPTED))
def test_accepted(name: str, value: str) -> None:
    assert parse(name, value) == value


@pytest.mark.parametrize(("name", "value"), cases(REFUSED))
def test_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match="should be "):
        parse(name, value)
