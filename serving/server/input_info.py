"""What an exported model says of its inputs in `assets.extra/interestflow.json`; other models say nothing."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from interestflow.serving.provenance import PROVENANCE, parse_description, read_provenance_file

log = logging.getLogger("interestflow.serving")


@dataclass(frozen=True)
class InputInfo:
    """What is known of a model's inputs.

    Attributes:
        lists: inputs that are lists, such as histories; None where the model says nothing, so that the second axis of
            an input may be anything.
        always_given: single-valued features that no training example lacked.
    """

    lists: frozenset[str] | None = None
    always_given: tuple[str, ...] = ()


def read_input_info(folder: str) -> InputInfo:
    """Read the notes of the model in `folder`. A file that cannot be read is logged: the model answers without it."""
    try:
        content = read_provenance_file(folder)
        return InputInfo() if content is None else _parse(content)
    except (tf.errors.OpError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("%s/%s cannot be read, so missing features are not counted: %s", folder, PROVENANCE, error)
        return InputInfo()


def _parse(content: Any) -> InputInfo:
    """Older exports have no description; their inputs still tell which are lists."""
    lists = {raw["name"] for raw in content.get("raw_inputs", []) if raw["kind"] != "value"}
    description = parse_description(content)
    if description is None:
        return InputInfo(frozenset(lists) if "raw_inputs" in content else None)
    return InputInfo(frozenset(lists | description.lengths.keys()), description.always_given)
