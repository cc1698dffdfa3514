"""The command `interestflow compile`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interestflow.pipeline.cli.options import ConfigPath, DataFolder, fail, load_config

if TYPE_CHECKING:  # `--help` imports this module and should stay fast
    from interestflow.pipeline.config import PipelineConfig
    from interestflow.pipeline.dag.compile_checks import ConfigSource

OPTIONS = {
    "kubeflow.image": "--image",
    "kubeflow.gpu_image": "--gpu-image",
    "kubeflow.pipeline_root": "--pipeline-root",
    "data.folder": "--data-folder",
}
"""Option by the key whose value it replaces."""


def compile_specification(
    config: ConfigPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write (.yaml or .json).")],
    data_folder: DataFolder = None,
    image: Annotated[str | None, typer.Option(help="Image of the steps, instead of `kubeflow.image`.")] = None,
    gpu_image: Annotated[
        str | None, typer.Option(help="Image of steps with GPUs, instead of `kubeflow.gpu_image`.")
    ] = None,
    pipeline_root: Annotated[
        str | None, typer.Option(help="URL of the artifacts, instead of `kubeflow.pipeline_root`.")
    ] = None,
) -> None:
    """Compile the pipeline to a Kubeflow Pipelines v2 specification.

    Touches no network and reads no data.
    """
    values = {"image": image, "gpu_image": gpu_image, "pipeline_root": pipeline_root}
    loaded = with_kubeflow(load_config(config, data_folder), values)

    from rich.console import Console

    try:
        write_specification(loaded, output, config_source(config, data_folder, values))
    except OSError as error:
        fail(f"`--output` {output} cannot be written: {error.strerror}")
    Console().print(f"wrote {output}", soft_wrap=True)


def write_specification(config: PipelineConfig, output: Path, source: ConfigSource) -> None:
    """Compile a configuration without the messages of the libraries; end the command with its mistakes, if any."""
    from interestflow.pipeline.cli.library_logs import redirect_library_output
    from interestflow.pipeline.config import ConfigurationError

    try:
        with redirect_library_output(Path(os.devnull)):
            from interestflow.pipeline.dag.compile import compile_config

            compile_config(config, output, source)
    except ConfigurationError as error:
        fail(error)


def with_kubeflow(config: PipelineConfig, values: Mapping[str, str | None]) -> PipelineConfig:
    """Return a copy with those values of the section `kubeflow` that are not None."""
    given = {key: value for key, value in values.items() if value is not None}
    return config.model_copy(update={"kubeflow": config.kubeflow.model_copy(update=given)})


def config_source(path: Path, data_folder: str | None, values: Mapping[str, str | None]) -> ConfigSource:
    """Return where the values of a configuration come from: the file, and the options of the command."""
    from interestflow.pipeline.dag.compile_checks import ConfigSource

    replaced = {f"kubeflow.{key}" for key, value in values.items() if value is not None}
    if data_folder is not None:
        replaced.add("data.folder")
    return ConfigSource(path, {key: OPTIONS[key] for key in replaced}, OPTIONS)
