"""Facts about the inputs of an exported model from `assets.extra/interestflow.json`; other models lack the file."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from interestflow.serving.provenance import PROVENANCE, parse_description, read_provenance_file

log = logging.getLogger("interestflow.serving")


@dataclass(frozen=True)
class InputInfo:
    """Facts about the inputs of a model, beyond its signatures.

    Attributes:
        lists: inputs that are lists, such as histories; None where they are unknown, so that the second axis of an
            input may be anything.
        always_given: single-valued features that no training example lacked.
    """

    lists: frozenset[str] | None = None
    always_given: tuple[str, ...] = ()


def read_input_info(folder: str) -> InputInfo:
    """Read the facts about the model in `folder`. A file that cannot be read is logged: the model works without it."""
    try:
        content = read_provenance_file(folder)
        return InputInfo() if content is None else _parse(content)
    except (tf.errors.OpError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("%s/%s cannot be read, so missing features are not counted: %s", folder, PROVENANCE, error)
        return InputInfo()


def _parse(content: dict[str, Any]) -> InputInfo:
    # Older exports have no description, but their `raw_inputs` still say which inputs are lists.
    lists = {raw["name"] for raw in content.get("raw_inputs", []) if raw["kind"] != "value"}
    description = parse_description(content)
    if description is None:
        return InputInfo(frozenset(lists) if "raw_inputs" in content else None)
    return InputInfo(frozenset(lists | description.lengths.keys()), description.always_given)
