"""The JSON file beside an exported model, which says where the model comes from and which inputs it takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tensorflow as tf

from interestflow.serving.description import Description
from interestflow.serving.raw_inputs import RawInput
from interestflow.serving.session_model import SAVED_MODEL

PROVENANCE = "assets.extra/interestflow.json"
"""Path of the file below the model's folder."""


class ScoringError(Exception):
    """A folder that holds no model, or rows that its model cannot score."""


def read_provenance(folder: str | Path) -> dict[str, Any]:
    """Return the provenance of the exported model in `folder`.

    Raises:
        ScoringError: where there is no exported model in `folder`.
    """
    content = read_provenance_file(folder) if tf.io.gfile.exists(f"{folder}/{SAVED_MODEL}") else None
    if content is None:
        raise ScoringError(f"{folder} should hold {SAVED_MODEL} and {PROVENANCE}, as the pipeline exports them")
    return content


def read_provenance_file(folder: str | Path) -> dict[str, Any] | None:
    """Return the content of the provenance file in `folder`; None where there is no such file.

    Raises:
        tf.errors.OpError: where the file cannot be read.
        ValueError: where the file is not JSON.
    """
    path = f"{folder}/{PROVENANCE}"
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path) as file:
        content: dict[str, Any] = json.load(file)
    return content


def parse_raw_inputs(provenance: dict[str, Any]) -> tuple[RawInput, ...]:
    """Return the raw features that a model takes."""
    return tuple(RawInput(**raw) for raw in provenance["raw_inputs"])


def parse_description(provenance: dict[str, Any]) -> Description | None:
    """Return a model's description for its clients; None for a model exported before models had descriptions."""
    return Description.from_json(provenance["description"]) if "description" in provenance else None
