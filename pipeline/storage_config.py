"""Section `storage` of the configuration: folders that outlive a run and that others read."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from interestflow import storage
from interestflow.section import Section


def _is_possible(place: str) -> str:
    """Return a place without slashes at its end; credentials come from the environment and never stand in it."""
    try:
        storage.check_scheme(place)
    except storage.StorageError as error:
        raise ValueError(str(error)) from None
    if storage.is_remote(place) and "@" in place.partition("://")[2].partition("/")[0]:
        raise ValueError("should hold no credentials, which come from the environment")
    return place.rstrip("/") or "/"


Place = Annotated[str, AfterValidator(_is_possible)]


class StorageConfig(Section):
    """Folders that outlive a run: local paths, paths in a mounted volume, or URLs (gs or s3)."""

    serving_folder: Place | None = Field(
        None,
        description="Folder of pushed models, in NAME/VERSION below it, as TensorFlow Serving reads them; by default "
        "`serving` in the folder of runs, and on Kubeflow below `kubeflow.pipeline_root`. A relative path is relative "
        "to the file.",
    )
    backups_folder: Place | None = Field(
        None,
        description="Folder in which training saves its state, in NAME below it, to resume after an interruption; by "
        "default `backups` in the folder of runs, and on Kubeflow below `kubeflow.pipeline_root`. A relative path is "
        "relative to the file.",
    )
