"""The command `interestflow render-kubeflow`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interestflow.pipeline.cli.options import ConfigPath, fail, load_config

if TYPE_CHECKING:
    from interestflow.pipeline.config import PipelineConfig


def render_kubeflow(
    config: ConfigPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")],
) -> None:
    """Write the kustomize folders for Kubeflow: access, volumes, the store's key, schedule and TensorFlow Serving."""
    loaded = load_config(config, None)

    from interestflow.kubeflow.manifest_files import ManifestError, Names, write_manifests

    settings = loaded.kubeflow
    deployment = loaded.deployment
    claims = [volume.claim for volume in settings.volumes]
    if deployment.model_path.startswith("/") and deployment.volume_claim is not None:
        claims.append(deployment.volume_claim)
    names = Names(settings.namespace, settings.image, settings.service_account, tuple(claims))
    serving = _serving_objects(loaded, config.resolve().parent)
    try:
        written = write_manifests(output, names, config.read_text(encoding="utf-8"), serving)
    except ManifestError as error:
        fail(error)
    for path in written:
        typer.echo(f"wrote {path}")
    note = _note_on_models(loaded)
    if note is not None:
        typer.echo(note)


def _note_on_models(config: PipelineConfig) -> str | None:
    """Return a sentence for the user where TensorFlow Serving would not read the folder that models are pushed to."""
    from interestflow.pipeline.folders import Folders

    deployment, volumes = config.deployment, config.kubeflow.volumes
    served = f"{deployment.model_path.rstrip('/')}/{config.name}"
    pushed = Folders.on_cluster(config).serving
    if not served.startswith("/"):
        is_same = pushed == served
    else:
        # A claim holds the same at whatever path it is mounted.
        claims = [v.claim for v in volumes if pushed == f"{v.mount_path.rstrip('/')}/{config.name}"]
        is_same = deployment.volume_claim in claims
        served = f"{config.name} in the volume claim {deployment.volume_claim}"
    if is_same:
        return None
    place = (
        pushed
        if config.storage.serving_folder or config.kubeflow.pipeline_root
        else "a folder below `kubeflow.pipeline_root`"
    )
    return (
        f"to do: TensorFlow Serving reads {served} (`deployment.model_path`, `deployment.volume_claim`), and models "
        f"are pushed to {place} (`storage.serving_folder`)"
    )


def _serving_objects(config: PipelineConfig, folder: Path) -> str:
    """Return the objects that `interestflow render-serving` writes for the configuration."""
    from interestflow.pipeline.cli.library_logs import redirect_library_output
    from interestflow.serving.deployment.errors import DeploymentError

    deployment = config.deployment.resolve_paths(folder)
    try:
        with tempfile.TemporaryDirectory() as temporary, redirect_library_output(Path(os.devnull)):
            from interestflow.serving.deployment.write import KUBERNETES, write_deployment

            # Unchecked, since the first model is pushed by the run that these manifests prepare.
            write_deployment(config.name, deployment, deployment.model_path, Path(temporary), unchecked=True)
            return (Path(temporary) / KUBERNETES).read_text(encoding="utf-8")
    except DeploymentError as error:
        fail(error)
