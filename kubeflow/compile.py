"""Writes the graph as a Kubeflow Pipelines v2 specification that the open-source backend accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.dag.beam_arguments import BEAM_ARGUMENTS
from interestflow.pipeline.dag.build import Fingerprints, build_components
from interestflow.pipeline.folders import Folders

ResourceSpec = pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec

NEVER_CACHED = ("ChampionFinder",)
"""Steps whose result depends on more than their inputs: which model is champion changes with every push."""
READS_FILES = ("LogExampleGen", "KnowledgeGraphGen")
"""Steps that begin with files, of which a cache knows nothing."""
ENVIRONMENT = {"TF_USE_LEGACY_KERAS": "1"}
"""Of every container: TFX imports what asks for `tf.keras` before it imports us, see `pipeline/__init__.py`."""


def compile_pipeline(config: PipelineConfig, output: Path) -> dict[str, Any]:
    """Compiles `config` and writes the specification to `output`, as YAML, or as JSON where it ends in `.json`.

    The logs need not be readable from here: where they are not, ingestion is not cached, since nothing could tell
    that they had changed. Image, GPU request and pipeline root come from the section `kubeflow`.

    Returns:
        The specification as it was written.
    """
    folders = Folders(f"{config.kubeflow.pipeline_root.rstrip('/')}/{config.name}")
    fingerprints = Fingerprints.of(config)
    components = build_components(config, folders, fingerprints)
    for component in components:
        if component.id in ("Trainer", "BaselineTrainer"):
            component.with_platform_config(_trainer_resources(config))
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image=config.kubeflow.image, use_pipeline_spec_2_1=True
        )
    )
    job = runner.run(
        tfx_pipeline.Pipeline(
            pipeline_name=config.name,
            pipeline_root=folders.artifacts,
            components=components,
            enable_cache=True,
            beam_pipeline_args=BEAM_ARGUMENTS,
        ),
        write_out=False,
    )
    specification: dict[str, Any] = job["pipelineSpec"]
    specification["defaultPipelineRoot"] = folders.artifacts
    for executor in specification["deploymentSpec"]["executors"].values():
        executor["container"].setdefault("env", []).extend({"name": k, "value": v} for k, v in ENVIRONMENT.items())
    uncached = {*NEVER_CACHED, *(READS_FILES if fingerprints.inputs == "unseen" else [])}
    for name, task in specification["root"]["dag"]["tasks"].items():
        if name in uncached:
            task["cachingOptions"] = {}
    output.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(specification, indent=2) if output.suffix == ".json" else yaml.safe_dump(specification)
    output.write_text(text)
    return specification


def _trainer_resources(config: PipelineConfig) -> Any:
    resources = ResourceSpec()
    if config.kubeflow.trainer_gpus:
        accelerator = resources.accelerator
        # Older backends read `type` and `count`, newer ones the resource names; both are the same request.
        accelerator.type = accelerator.resource_type = config.kubeflow.gpu_type
        accelerator.count = config.kubeflow.trainer_gpus
        accelerator.resource_count = str(config.kubeflow.trainer_gpus)
    return resources
