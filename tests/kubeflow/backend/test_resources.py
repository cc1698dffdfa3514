"""Limits mean what the backend makes of them."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from interestflow.kubeflow.backend.errors import RefusedError
from interestflow.kubeflow.backend.resources import Resources, parse_resources


def resources(**fields: Any) -> Resources:
    message = pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec()
    return parse_resources("Trainer_executor", json_format.ParseDict(fields, message))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Resources()),
        ({"resourceCpuLimit": "500m", "resourceMemoryLimit": "8Gi"}, Resources(0.5, 8 * 2**30)),
        # A number without a unit is in 10^9 bytes, not in GiB.
        ({"cpuLimit": 2.0, "memoryLimit": 8.0}, Resources(2.0, 8 * 10**9)),
        ({"memoryLimit": 8.0, "resourceMemoryLimit": "1Gi"}, Resources(None, 2**30)),
        ({"accelerator": {"type": "nvidia.com/gpu", "count": "2"}}, Resources(extended="2 nvidia.com/gpu")),
        (
            {"accelerator": {"resourceType": "nvidia.com/gpu", "resourceCount": "1"}},
            Resources(extended="1 nvidia.com/gpu"),
        ),
    ],
)
def test_limits(fields: dict[str, Any], expected: Resources) -> None:
    assert resources(**fields) == expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"resourceCpuLimit": "two"}, "`resourceCpuLimit` should be a quantity"),
        ({"resourceMemoryRequest": "8 Gi"}, "`resourceMemoryRequest` should be a quantity"),
        ({"accelerator": {"resourceType": "nvidia.com/gpu"}}, "`accelerator` should have a type and a count"),
        ({"accelerator": {"resourceType": "gpu", "resourceCount": "x"}}, "`accelerator.resourceCount` should be a"),
    ],
)
def test_what_the_driver_would_refuse_late_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(RefusedError, match=f"executor `Trainer_executor`: {message}"):
        resources(**fields)
