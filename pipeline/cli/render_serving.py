"""The command `interestflow render-serving`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from interestflow.pipeline.cli.options import ConfigPath, RunsFolder, fail, load_config


def render_serving(
    config: ConfigPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")],
    models: Annotated[
        str | None, typer.Option(help="Folder or URL of the model's versions to check, instead of the pushed ones.")
    ] = None,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Render without reading the model folder.")] = False,
    runs_folder: RunsFolder = None,
) -> None:
    """Write the files that run TensorFlow Serving: Kubernetes manifests, its configuration and a Compose file."""
    loaded = load_config(config, None)

    from rich.console import Console

    from interestflow.pipeline.cli.library_logs import redirect_library_output
    from interestflow.pipeline.folders import Folders
    from interestflow.serving.deployment.errors import DeploymentError, ModelFolderError

    models = models or Folders.local(loaded, runs_folder).serving
    deployment = loaded.deployment.resolve_paths(config.resolve().parent)
    try:
        with redirect_library_output(Path(os.devnull)):
            from interestflow.serving.deployment.write import write_deployment

            rendering = write_deployment(loaded.name, deployment, models, output, unchecked=unchecked)
    except ModelFolderError as error:
        fail(f"{error} (--models names another folder, --unchecked reads none)")
    except DeploymentError as error:
        fail(error)
    for line in (*(f"wrote {path}" for path in rendering.files), *rendering.notes):
        Console().print(line, highlight=False, soft_wrap=True)
