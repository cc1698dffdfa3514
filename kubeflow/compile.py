"""Compiles a TFX pipeline to a Kubeflow Pipelines v2 specification that the open-source backend accepts."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.types.standard_component_specs import TrainerSpec

from interestflow.kubeflow.config import KubeflowConfig

ResourceSpec = pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec

ENVIRONMENT = {"TF_USE_LEGACY_KERAS": "1"}
"""Variables of every container. TFX imports what asks for `tf.keras` before it imports `interestflow.pipeline`, whose
`__init__.py` says why it sets the same variable."""


def compile_pipeline(
    pipeline: tfx_pipeline.Pipeline, config: KubeflowConfig, output: Path, uncached_steps: Collection[str] = ()
) -> dict[str, Any]:
    """Compile a pipeline and write its specification.

    Args:
        pipeline: TFX pipeline whose root is a URL; every training step in it is given the configured accelerators.
            TFX compiles a component object only once, so the pipeline cannot be compiled or run again.
        config: image and accelerators.
        output: file to write, as JSON where its name ends in `.json` and as YAML otherwise.
        uncached_steps: ids of the steps that the backend must run every time.

    Returns:
        The specification as it was written.
    """
    for component in pipeline.components:
        if isinstance(getattr(component, "spec", None), TrainerSpec):
            component.with_platform_config(_trainer_resources(config))
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(default_image=config.image, use_pipeline_spec_2_1=True)
    )
    job = runner.run(pipeline, write_out=False)
    specification: dict[str, Any] = job["pipelineSpec"]
    specification["defaultPipelineRoot"] = pipeline.pipeline_info.pipeline_root
    for executor in specification["deploymentSpec"]["executors"].values():
        executor["container"].setdefault("env", []).extend({"name": k, "value": v} for k, v in ENVIRONMENT.items())
    for name, task in specification["root"]["dag"]["tasks"].items():
        if name in uncached_steps:
            task["cachingOptions"] = {}
    output.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(specification, indent=2) if output.suffix == ".json" else yaml.safe_dump(specification)
    output.write_text(text)
    return specification


def _trainer_resources(config: KubeflowConfig) -> Any:
    """Return the accelerator request of a training step; empty where none is configured."""
    resources = ResourceSpec()
    if config.trainer_gpus:
        accelerator = resources.accelerator
        # Older backends read `type` and `count`, newer ones the resource names; both are the same request.
        accelerator.type = accelerator.resource_type = config.gpu_type
        accelerator.count = config.trainer_gpus
        accelerator.resource_count = str(config.trainer_gpus)
    return resources
