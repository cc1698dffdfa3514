"""Joins transforms, models and serving into one graph; the only package that knows them all."""

from __future__ import annotations

import os
from typing import Any

# TF Recommenders is made of Keras 2's layers, which `tf.keras` is if this is set before anything asks for it. TF
# Transform sets it too, but TensorFlow Model Analysis, which does not, may come first. Our models are Keras 3's anyway.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")


def __getattr__(name: str) -> Any:
    """Return an artifact class by name: on Kubeflow, TFX looks up `ChampionArtifact` here, by the name of its type.

    Found only when asked for, so that importing the package does not import TFX.
    """
    if name.startswith("_") or not name[0].isupper():
        raise AttributeError(f"module 'interestflow.pipeline' has no attribute {name!r}")
    from interestflow.pipeline.artifacts import types as artifacts

    return getattr(artifacts, name)
