"""What an exported model says of its inputs in `assets.extra/interestflow.json`; other models say nothing."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from serving.description import Description
from serving.provenance import PROVENANCE

log = logging.getLogger("interestflow.serving")


@dataclass(frozen=True)
class ModelNotes:
    """What is known of a model's inputs.

    Attributes:
        lists: inputs that are lists, such as histories; None where the model says nothing, so that the second axis of
            an input may be anything.
        always_given: single-valued features that no training example lacked.
    """

    lists: frozenset[str] | None = None
    always_given: tuple[str, ...] = ()


def read_notes(folder: str) -> ModelNotes:
    """Read the notes of the model in `folder`. A file that cannot be read is logged: the model answers without it."""
    path = f"{folder}/{PROVENANCE}"
    try:
        if not tf.io.gfile.exists(path):
            return ModelNotes()
        with tf.io.gfile.GFile(path) as file:
            return _parse(json.loads(file.read()))
    except (tf.errors.OpError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("%s cannot be read, so missing features are not counted: %s", path, error)
        return ModelNotes()


def _parse(content: Any) -> ModelNotes:
    """Older exports have no description; their inputs still tell which are lists."""
    lists = {raw["name"] for raw in content.get("raw_inputs", []) if raw["kind"] != "value"}
    description = Description.from_json(content["description"]) if "description" in content else None
    if description is None:
        return ModelNotes(frozenset(lists) if "raw_inputs" in content else None)
    return ModelNotes(frozenset(lists | description.lengths.keys()), description.always_given)
