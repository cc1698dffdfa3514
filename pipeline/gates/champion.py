"""The champion: the newest pushed model whose origin differs from that of the candidate."""

from __future__ import annotations

import json
import logging

from pydantic import BaseModel, ConfigDict

from interestflow import storage
from interestflow.serving.provenance import PROVENANCE
from interestflow.serving.session_model import SAVED_MODEL

UNSEEN = "unseen"
"""State of a folder that cannot be listed from this machine."""


class ChampionError(Exception):
    """A folder of pushed models cannot be read."""


class Champion(BaseModel):
    """Pushed model that a candidate is compared with; all attributes are None where there is none.

    Attributes:
        folder: Folder of the exported model.
        version: Version that it was pushed as.
        fingerprint: Fingerprint of everything that it was made from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str | None = None
    version: int | None = None
    fingerprint: str | None = None


def pushed_models(serving_folder: str) -> list[Champion]:
    """Return all models in `serving_folder/VERSION`, newest first.

    The folder is local, on gs:// or on s3://. A version without `saved_model.pb`, which Pusher writes last, is
    incomplete and left out, as is one without provenance, which the pipeline did not export.

    Raises:
        ChampionError: If the folder cannot be listed. A folder that does not exist means that nothing was pushed yet.
    """
    try:
        names = set(storage.file_names(serving_folder))
        versions = [version for version in {name.partition("/")[0] for name in names} if version.isdecimal()]
        models = []
        for version in sorted(versions, key=int, reverse=True):
            if not {f"{version}/{SAVED_MODEL}", f"{version}/{PROVENANCE}"} <= names:
                continue
            folder = storage.join(serving_folder, version)
            try:
                fingerprint = json.loads(storage.read_bytes(f"{folder}/{PROVENANCE}"))["fingerprint"]
            except (ValueError, KeyError, TypeError):
                logging.warning("%s/%s is not the provenance of a model; its version is left out", folder, PROVENANCE)
                continue
            models.append(Champion(folder=folder, version=int(version), fingerprint=fingerprint))
    except storage.StorageError as error:
        raise ChampionError(f"the pushed models in {serving_folder} cannot be listed: {error}") from None
    return models


def find_champion(serving_folder: str, exclude_fingerprint: str) -> Champion:
    """Return the newest model in `serving_folder` with another fingerprint than `exclude_fingerprint`.

    A candidate that was pushed before is therefore not compared with itself.

    Raises:
        ChampionError: If the folder cannot be read.
    """
    models = (model for model in pushed_models(serving_folder) if model.fingerprint != exclude_fingerprint)
    return next(models, Champion())


def champion_state(serving_folder: str, exclude_fingerprint: str) -> str:
    """Return a text that changes whenever `find_champion` would return another champion."""
    try:
        champion = find_champion(serving_folder, exclude_fingerprint)
    except ChampionError as error:
        logging.warning("the pushed models cannot be listed from here: %s", error)
        return UNSEEN
    return f"{champion.version} {champion.fingerprint}" if champion.folder else "none"
