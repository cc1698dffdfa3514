"""Reads what an exported model says of itself, from the JSON file beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tensorflow as tf

from serving.description import Description
from serving.raw_inputs import RawInput

PROVENANCE = "assets.extra/interestflow.json"
"""Under the model's folder: where it comes from and what it is asked with."""


class ScoringError(Exception):
    """A folder that holds no model, or rows that it cannot score."""


def read_provenance(folder: str | Path) -> dict[str, Any]:
    """Return what the exported model in `folder` says of itself.

    Raises:
        ScoringError: where there is no exported model in `folder`.
    """
    if not tf.io.gfile.exists(f"{folder}/saved_model.pb") or not tf.io.gfile.exists(f"{folder}/{PROVENANCE}"):
        raise ScoringError(f"{folder} should hold saved_model.pb and {PROVENANCE}, as the pipeline exports them")
    with tf.io.gfile.GFile(f"{folder}/{PROVENANCE}") as file:
        content: dict[str, Any] = json.load(file)
    return content


def raw_inputs_of(provenance: dict[str, Any]) -> tuple[RawInput, ...]:
    """The raw features that a model is asked with."""
    return tuple(RawInput(**raw) for raw in provenance["raw_inputs"])


def description_of(provenance: dict[str, Any]) -> Description | None:
    """What clients are told of a model; None for one that was exported before models had descriptions."""
    return Description.from_json(provenance["description"]) if "description" in provenance else None
