"""Descriptions of the mistakes in a configuration: one sentence each, with key, expectation, value, file and line."""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel

from interestflow.models import registry
from interestflow.models.hyperparameters import ModelHyperparameters
from interestflow.pipeline.config_renames import new_key, new_value

EXPECTATIONS = {
    "greater_than_equal": "at least {ge:g}",
    "greater_than": "more than {gt:g}",
    "less_than_equal": "at most {le:g}",
    "less_than": "less than {lt:g}",
    "too_short": "at least {min_length} long",
    "string_pattern_mismatch": "lower-case letters, digits and {mark}, from a letter on",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "dict_type": "a section of keys",
    "model_type": "a section of keys",
    "model_attributes_type": "a section of keys",
}
"""Expectations by pydantic's name for the kind of mistake; braces are filled from the context that pydantic gives."""

UNION_MEMBERS = {"float", "int", "str", "bool"}
"""What pydantic appends to the location of a mistake when a value may be of several types."""

Location = tuple[str | int, ...]
"""Keys and list positions that lead to a value, from the top of the document."""


def describe(mistakes: Sequence[Any], root: type[BaseModel], tree: yaml.Node | None, path: Path) -> list[str]:
    """Return one sentence for each mistake.

    Args:
        mistakes: pydantic's errors.
        root: the class that the whole document was checked against.
        tree: the document with its line numbers.
        path: the file, as it is to be named.
    """
    document = _Document(root, tree, path)
    mistakes = [*mistakes, *_within_renamed_sections(mistakes)]
    locations = [_location(mistake) for mistake in mistakes]
    sentences = []
    for mistake, location in zip(mistakes, locations, strict=True):
        # pydantic counts only the good entries of a list, so one bad entry would also make the list too short.
        has_bad_entry = any(len(other) > len(location) and other[: len(location)] == location for other in locations)
        if mistake["type"] == "too_short" and has_bad_entry:
            continue
        # pydantic reports a value that may be of several types once for each.
        alternatives = [other for other, at in zip(mistakes, locations, strict=True) if at == location]
        sentence = document.sentence(mistake, alternatives, location)
        if sentence not in sentences:
            sentences.append(sentence)
    return sentences


def _within_renamed_sections(mistakes: Sequence[Any]) -> list[dict[str, Any]]:
    """Return a mistake for each renamed key of a section that was itself renamed, which pydantic does not look into."""
    return [
        {"type": "extra_forbidden", "loc": (*mistake["loc"], key), "input": value}
        for mistake in mistakes
        if mistake["type"] == "extra_forbidden" and isinstance(mistake["input"], dict)
        for key, value in mistake["input"].items()
        if new_key((*mistake["loc"], str(key))) is not None
    ]


def _location(mistake: Any) -> Location:
    """Return the keys that lead to a mistake, without what pydantic adds to them."""
    parts = [part for part in mistake["loc"] if not (isinstance(part, str) and part.startswith(("function-", "[")))]
    if len(parts) > 1 and parts[-1] in UNION_MEMBERS:
        parts.pop()
    return tuple(parts)


@dataclass(frozen=True)
class _Document:
    """The configuration file that is described: its class, its lines and its name."""

    root: type[BaseModel]
    tree: yaml.Node | None
    path: Path

    def sentence(self, mistake: Any, alternatives: list[Any], location: Location) -> str:
        """Return the sentence that describes a mistake; `alternatives` are all mistakes of the same value."""
        key, kind = _key(location), mistake["type"]
        if kind == "value_error":
            location, text = _describe_value_error(str(mistake["ctx"]["error"]), location)
        elif kind == "missing":
            text = f"`{key}` is missing"
        elif kind == "extra_forbidden" and (renamed := new_key(location)) is not None:
            text = f"`{key}` is now called `{renamed}`"
        elif kind == "extra_forbidden":
            text = f"`{key}` is not a key that is known here{self._suggestion(location)}"
        else:
            expected = " or ".join(dict.fromkeys(_expectation(other) for other in alternatives))
            renamed = new_value(location, mistake["input"])
            note = "" if renamed is None else f", which is now called {renamed}"
            text = f"`{key}` should be {expected}, received {_show(mistake['input'])}{note}"
        return f"{text} ({self.path}, line {line_of(self.tree, location)})"

    def _suggestion(self, location: Location) -> str:
        """Return the known key that is closest to the one at `location`, or else all keys that are allowed there."""
        known = self._known_keys(location[:-1])
        close = difflib.get_close_matches(str(location[-1]), known, n=1)
        if close:
            return f"; did you mean `{close[0]}`?"
        return f"; known are {', '.join(f'`{name}`' for name in known)}" if known else ""

    def _known_keys(self, location: Location) -> list[str]:
        section: type[BaseModel] = self.root
        is_entry = False
        for depth, part in enumerate(location):
            if isinstance(part, int) or is_entry:  # the position in a list, or the name of an entry, is no key
                is_entry = False
                continue
            field = next((f for name, f in section.model_fields.items() if part in (name, f.alias)), None)
            inner = section_class(field.annotation) if field else None
            if inner is None:
                return []
            section, is_entry = inner, field is not None and get_origin(field.annotation) is dict
            if section is ModelHyperparameters:
                name = _value(self.tree, (*location[: depth + 1], "name"))
                section = registry.spec(str(name)).hyperparameters if name in registry.names() else section
        return [field.alias or name for name, field in section.model_fields.items()]


def _describe_value_error(reason: str, location: Location) -> tuple[Location, str]:
    """Return the location and the text of a mistake that a validator of this project reported by `reason`."""
    key = _key(location)
    path = re.match(r"`([a-z_0-9.]+)`", reason)
    own_key = re.match(r"`([a-z_]+)` should", reason)
    if key and own_key:
        location = (*location, own_key[1])
        return location, f"`{_key(location)}`{reason[len(own_key[1]) + 2 :]}"
    if path and not key:
        return tuple(int(part) if part.isdigit() else part for part in path[1].split(".")), reason
    if key:
        return location, f"`{key}` {reason}" if reason.startswith("should") else f"`{key}`: {reason}"
    return location, reason


def _show(value: object) -> str:
    """Return a received value as messages show it, cut to 80 characters."""
    shown = "nothing" if value is None else repr(value) if isinstance(value, str) else f"{value}"
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def _expectation(mistake: Any) -> str:
    kind, context = mistake["type"], mistake.get("ctx", {})
    if kind == "string_type" and isinstance(mistake["input"], (int, float, datetime.date)):
        return "text, in quotes"
    if kind == "literal_error":
        return f"one of {str(context['expected']).replace(chr(39), '')}"
    if kind in EXPECTATIONS:
        mark = "-" if "-]" in str(context.get("pattern", "")) else "_"
        return EXPECTATIONS[kind].format(**{**context, "mark": mark})
    return str(mistake["msg"].removeprefix("Input should be ").removeprefix("a valid "))


def _key(location: Location) -> str:
    return ".".join(str(part) for part in location)


def section_class(annotation: Any) -> type[BaseModel] | None:
    """Return the section within `Section`, `Section | None` or `tuple[Section, ...]`, or None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((section for part in get_args(annotation) if (section := section_class(part))), None)


def _value(node: yaml.Node | None, location: Location) -> Any:
    for part in location:
        if not isinstance(node, yaml.MappingNode):
            return None
        node = next((value for key, value in node.value if key.value == str(part)), None)
    return node.value if node else None


def has_key(node: yaml.Node | None, location: Location) -> bool:
    """Return whether the document has something at `location`."""
    for part in location:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            continue
        entries = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((value for key, value in entries if key.value == str(part)), None)
        if node is None:
            return False
    return True


def line_of(node: yaml.Node | None, location: Location) -> int:
    """Return the line (from 1) of the key at `location`, or of the nearest key around it that the file has."""
    line = node.start_mark.line + 1 if node else 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            entry = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if entry is None:
                break
            line, node = entry[0].start_mark.line + 1, entry[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def repeated_keys(node: yaml.Node | None, prefix: str = "") -> list[tuple[str, int]]:
    """Return path and line of each key that a mapping has twice; YAML would silently keep the last one."""
    repeated: list[tuple[str, int]] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                repeated.append((prefix + key.value, key.start_mark.line + 1))
            seen.add(key.value)
            repeated += repeated_keys(value, f"{prefix}{key.value}.")
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            repeated += repeated_keys(value, f"{prefix}{position}.")
    return repeated
