"""Compilation of a configuration's graph for Kubeflow Pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from interestflow.kubeflow.compile import compile_pipeline
from interestflow.pipeline.config import ConfigurationError, PipelineConfig
from interestflow.pipeline.dag.build import build_components, build_pipeline, uncached_steps
from interestflow.pipeline.dag.fingerprints import Fingerprints
from interestflow.pipeline.folders import Folders


def compile_config(config: PipelineConfig, output: Path) -> dict[str, Any]:
    """Build the graph of a configuration and compile it with the image, accelerators and root of its `kubeflow`.

    The logs need not be readable from here: where they are not, ingestion is not cached, since nothing could tell
    that they had changed.

    Args:
        config: the whole configuration.
        output: file to write (.yaml or .json).

    Returns:
        The specification as it was written.
    """
    if config.kubeflow.image is None or config.kubeflow.pipeline_root is None:
        raise ConfigurationError("`kubeflow.image` and `kubeflow.pipeline_root` are needed to compile")
    folders = Folders(f"{config.kubeflow.pipeline_root.rstrip('/')}/{config.name}")
    fingerprints = Fingerprints.from_config(config)
    pipeline = build_pipeline(config, folders, build_components(config, folders, fingerprints))
    return compile_pipeline(pipeline, config.kubeflow, output, uncached_steps(fingerprints))
