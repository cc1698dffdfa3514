"""Compilation of a configuration's graph for Kubeflow Pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from interestflow.kubeflow.compile import compile_pipeline
from interestflow.pipeline.config import ConfigurationError, PipelineConfig
from interestflow.pipeline.dag.build import FINDERS, build_components, build_pipeline
from interestflow.pipeline.dag.fingerprints import Fingerprints
from interestflow.pipeline.dag.graph_parameters import GraphParameters
from interestflow.pipeline.folders import Folders


def compile_config(config: PipelineConfig, output: Path) -> dict[str, Any]:
    """Build the graph of a configuration and compile it with the image, accelerators and root of its `kubeflow`.

    Nothing is read but the configuration: the first step of each run finds the logs as they are then.

    Args:
        config: the whole configuration.
        output: file to write (.yaml or .json).

    Returns:
        The specification as it was written.
    """
    if config.kubeflow.image is None or config.kubeflow.pipeline_root is None:
        raise ConfigurationError("`kubeflow.image` and `kubeflow.pipeline_root` are needed to compile")
    folders = Folders(f"{config.kubeflow.pipeline_root.rstrip('/')}/{config.name}")
    parameters = GraphParameters.of_each_run(config)
    components = build_components(config, folders, Fingerprints.of_code(), parameters)
    return compile_pipeline(build_pipeline(config, folders, components), config.kubeflow, output, FINDERS)
