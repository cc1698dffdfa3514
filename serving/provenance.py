"""Reads what an exported model says of itself, from the JSON file beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tensorflow as tf

from interestflow.serving.description import Description
from interestflow.serving.raw_inputs import RawInput
from interestflow.serving.session_model import SAVED_MODEL

PROVENANCE = "assets.extra/interestflow.json"
"""Under the model's folder: where it comes from and what it is asked with."""


class ScoringError(Exception):
    """A folder that holds no model, or rows that it cannot score."""


def read_provenance(folder: str | Path) -> dict[str, Any]:
    """Return what the exported model in `folder` says of itself.

    Raises:
        ScoringError: where there is no exported model in `folder`.
    """
    content = load_provenance(folder) if tf.io.gfile.exists(f"{folder}/{SAVED_MODEL}") else None
    if content is None:
        raise ScoringError(f"{folder} should hold {SAVED_MODEL} and {PROVENANCE}, as the pipeline exports them")
    return content


def load_provenance(folder: str | Path) -> dict[str, Any] | None:
    """Return the content of the JSON file beside the model in `folder`; None where there is no such file.

    Raises:
        tf.errors.OpError: where it cannot be read.
        ValueError: where it is not JSON.
    """
    path = f"{folder}/{PROVENANCE}"
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path) as file:
        content: dict[str, Any] = json.load(file)
    return content


def raw_inputs_of(provenance: dict[str, Any]) -> tuple[RawInput, ...]:
    """The raw features that a model is asked with."""
    return tuple(RawInput(**raw) for raw in provenance["raw_inputs"])


def description_of(provenance: dict[str, Any]) -> Description | None:
    """What clients are told of a model; None for one that was exported before models had descriptions."""
    return Description.from_json(provenance["description"]) if "description" in provenance else None
