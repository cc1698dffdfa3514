"""The command `interestflow compile`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interestflow.pipeline.cli.options import ConfigPath, DataFolder, fail, load_config


def compile_specification(
    config: ConfigPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write (.yaml or .json).")],
    data_folder: DataFolder = None,
) -> None:
    """Compile the pipeline to a Kubeflow Pipelines v2 specification."""
    loaded = load_config(config, data_folder)

    from rich.console import Console

    from interestflow.pipeline.config import ConfigurationError
    from interestflow.pipeline.dag.compile import compile_config

    try:
        compile_config(loaded, output)
    except ConfigurationError as error:
        fail(error)
    Console().print(f"wrote {output}")
