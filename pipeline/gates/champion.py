"""The champion: the newest pushed model that something else made than what makes the candidate."""

from __future__ import annotations

import json
import posixpath

import tensorflow as tf

from interestflow.pipeline.artifacts.json_artifact import JsonArtifact
from interestflow.serving.provenance import PROVENANCE

UNSEEN = "unseen"
"""The state of a folder that cannot be listed from here."""


class ChampionError(Exception):
    """A folder of pushed models that cannot be read."""


class Champion(JsonArtifact):
    """A pushed model; all None where there is none."""

    FILE = "champion.json"

    folder: str | None = None
    version: int | None = None
    fingerprint: str | None = None


def pushed_models(serving_folder: str) -> list[Champion]:
    """All models in `serving_folder/VERSION`, newest first.

    A version without `saved_model.pb`, which Pusher copies last, is only half there and left out, as is one that does
    not say what it was made of: the pipeline did not export it.

    Raises:
        ChampionError: where the folder cannot be listed. That it is not there yet means that nothing was pushed.
    """
    try:
        names = tf.io.gfile.listdir(serving_folder) if tf.io.gfile.exists(serving_folder) else []
    except tf.errors.OpError as error:
        raise ChampionError(f"the folder of pushed models {serving_folder} cannot be read: {error.message}") from None
    found = []
    versions = [name for name in (name.rstrip("/") for name in names) if name.isdecimal()]
    for version in sorted(versions, key=int, reverse=True):
        folder = posixpath.join(serving_folder, version)
        provenance = posixpath.join(folder, PROVENANCE)
        if not tf.io.gfile.exists(posixpath.join(folder, "saved_model.pb")) or not tf.io.gfile.exists(provenance):
            continue
        with tf.io.gfile.GFile(provenance) as file:
            try:
                fingerprint = json.load(file)["fingerprint"]
            except (ValueError, KeyError, TypeError):
                continue
        found.append(Champion(folder=folder, version=int(version), fingerprint=fingerprint))
    return found


def find_champion(serving_folder: str, exclude_fingerprint: str) -> Champion:
    """The newest model in `serving_folder` that is not of `exclude_fingerprint`.

    A candidate that was pushed before is not compared with itself.

    Raises:
        ChampionError: where the folder cannot be read.
    """
    models = (model for model in pushed_models(serving_folder) if model.fingerprint != exclude_fingerprint)
    return next(models, Champion())


def champion_state(serving_folder: str, exclude_fingerprint: str) -> str:
    """Which champion `find_champion` would find, in a word: as long as it stays the same, so does the champion."""
    try:
        champion = find_champion(serving_folder, exclude_fingerprint)
    except (ChampionError, tf.errors.OpError, OSError):  # a bucket, seen from the machine that compiles
        return UNSEEN
    return f"{champion.version} {champion.fingerprint}" if champion.folder else "none"
