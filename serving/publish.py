"""Copies of models, and their publication as versions that servers find."""

from __future__ import annotations

import tensorflow as tf

from interestflow import storage
from interestflow.serving.session_model import SAVED_MODEL

INCOMING = ".incoming"
"""Folder beside the versions that a version is first copied to; servers ignore names that are not numbers."""


def copy_folder(source: str, target: str) -> None:
    """Copy a model's folder, on any file systems that TensorFlow knows.

    `saved_model.pb` is copied last, so that a reader who finds it finds a complete model.
    """
    files = []
    for folder, _, names in tf.io.gfile.walk(source):
        below = folder[len(source) :].strip("/")
        tf.io.gfile.makedirs(f"{target}/{below}".rstrip("/"))
        files += [f"{below}/{name}".lstrip("/") for name in names]
    for file in sorted(files, key=lambda file: (file == SAVED_MODEL, file)):
        tf.io.gfile.copy(f"{source.rstrip('/')}/{file}", f"{target}/{file}", overwrite=True)


def publish_version(source: str, base: str, version: int) -> None:
    """Copy the model in `source` to where a server looks for its versions, which never sees an incomplete one.

    TensorFlow Serving takes any folder named by a number for a version, complete or not. Without retries, as it is
    deployed here, it permanently gives up a version that is incomplete when it looks.

    Args:
        source: folder of the model.
        base: folder of the versions.
        version: number of the new version.
    """
    target = f"{base}/{version}"
    if storage.is_remote(base):  # object stores cannot move folders; servers retry loading from them
        copy_folder(source, target)
        return
    copied = f"{base}/{INCOMING}/{version}"
    copy_folder(source, copied)
    tf.io.gfile.rename(copied, target)
