"""Section `kubeflow` of the configuration: what a compiled pipeline needs to run on a cluster."""

from __future__ import annotations

from pydantic import Field

from interestflow.section import NonNegativeInt, Section


class KubeflowConfig(Section):
    """Image, storage and accelerators of the pipeline on Kubeflow Pipelines."""

    image: str = Field("interestflow:latest", description="Container image that every step runs in.")
    pipeline_root: str = Field(
        "gs://bucket/interestflow", description="URL under which the artifacts of all runs are stored."
    )
    trainer_gpus: NonNegativeInt = Field(0, description="Accelerators that each training step requests.")
    gpu_type: str = Field("nvidia.com/gpu", description="Kubernetes resource name of the accelerator.")
