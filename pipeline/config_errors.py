"""Says what is wrong with a configuration: one sentence a mistake, with key, expectation, value, file and line."""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

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
"""By pydantic's name for the kind of mistake; braces stand for what pydantic says of it."""

UNION_MEMBERS = {"float", "int", "str", "bool"}
"""What pydantic adds to the place of a mistake when a value may be of several types."""


def describe(mistakes: Sequence[Any], root: type[BaseModel], tree: yaml.Node | None, path: Path) -> list[str]:
    """One sentence a mistake.

    Args:
        mistakes: pydantic's errors.
        root: the class that the whole document was checked against.
        tree: the document with its line numbers.
        path: the file, as it is to be named.
    """
    mistakes = [*mistakes, *_within_renamed_sections(mistakes)]
    places = [_place(mistake) for mistake in mistakes]
    sentences = []
    for mistake, place in zip(mistakes, places, strict=True):
        # pydantic counts only the good entries of a list, so one bad entry would also make the list too short.
        inside = any(len(other) > len(place) and other[: len(place)] == place for other in places)
        if mistake["type"] == "too_short" and inside:
            continue
        # Of a value that may be of two types, pydantic complains once for each.
        alike = [other for other, at in zip(mistakes, places, strict=True) if at == place]
        sentence = _sentence(mistake, alike, place, root, tree, path)
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


def _place(mistake: Any) -> tuple[str | int, ...]:
    """The keys that lead to the mistake, without what pydantic adds to them."""
    parts = [part for part in mistake["loc"] if not (isinstance(part, str) and part.startswith(("function-", "[")))]
    if len(parts) > 1 and parts[-1] in UNION_MEMBERS:
        parts.pop()
    return tuple(parts)


def _sentence(
    mistake: Any,
    alike: list[Any],
    place: tuple[str | int, ...],
    root: type[BaseModel],
    tree: yaml.Node | None,
    path: Path,
) -> str:
    key = _key(place)
    kind, received, context = mistake["type"], mistake["input"], mistake.get("ctx", {})
    if kind == "value_error":
        reason = str(context["error"])
        whole = re.match(r"`([a-z_0-9.]+)`", reason)
        own = re.match(r"`([a-z_]+)` should", reason)
        if key and own:
            place = (*place, own[1])
            text = f"`{_key(place)}`{reason[len(own[1]) + 2 :]}"
        elif whole and not key:
            place, text = tuple(int(part) if part.isdigit() else part for part in whole[1].split(".")), reason
        elif key:
            text = f"`{key}` {reason}" if reason.startswith("should") else f"`{key}`: {reason}"
        else:
            text = reason
    elif kind == "missing":
        text = f"`{key}` is missing"
    elif kind == "extra_forbidden" and (renamed := new_key(place)) is not None:
        text = f"`{key}` is now called `{renamed}`"
    elif kind == "extra_forbidden":
        text = f"`{key}` is not a key that is known here{_suggestion(place, root, tree)}"
    else:
        shown = "nothing" if received is None else repr(received) if isinstance(received, str) else f"{received}"
        if len(shown) > 80:
            shown = f"{shown[:77]}..."
        expected = " or ".join(dict.fromkeys(_expectation(other) for other in alike))
        renamed = new_value(place, received)
        note = "" if renamed is None else f", which is now called {renamed}"
        text = f"`{key}` should be {expected}, received {shown}{note}"
    return f"{text} ({path}, line {line_of(tree, place)})"


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


def _key(place: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in place)


def _suggestion(place: tuple[str | int, ...], root: type[BaseModel], tree: yaml.Node | None) -> str:
    """The key that was probably meant, or else all that could stand there."""
    known = _known_keys(place[:-1], root, tree)
    close = difflib.get_close_matches(str(place[-1]), known, n=1)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; known are {', '.join(f'`{name}`' for name in known)}" if known else ""


def _known_keys(place: tuple[str | int, ...], root: type[BaseModel], tree: yaml.Node | None) -> list[str]:
    section: type[BaseModel] = root
    for number, part in enumerate(place):
        if isinstance(part, int):
            continue
        field = next((f for name, f in section.model_fields.items() if part in (name, f.alias)), None)
        inner = section_class(field.annotation) if field else None
        if inner is None:
            return []
        section = inner
        if section is ModelHyperparameters:
            name = _value(tree, (*place[: number + 1], "name"))
            section = registry.spec(str(name)).hyperparameters if name in registry.names() else section
    return [field.alias or name for name, field in section.model_fields.items()]


def section_class(annotation: Any) -> type[BaseModel] | None:
    """The section within `Section`, `Section | None` or `tuple[Section, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := section_class(part))), None)


def _value(node: yaml.Node | None, place: tuple[Any, ...]) -> Any:
    for part in place:
        if not isinstance(node, yaml.MappingNode):
            return None
        node = next((value for key, value in node.value if key.value == str(part)), None)
    return node.value if node else None


def line_of(node: yaml.Node | None, place: tuple[Any, ...]) -> int:
    """The line (from 1) of the key at `place`, or of the nearest key around it that the file has."""
    line = node.start_mark.line + 1 if node else 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def repeated_keys(node: yaml.Node | None, prefix: str = "") -> list[tuple[str, int]]:
    """Key and line of what a mapping has twice; YAML would silently keep the last."""
    repeated: list[tuple[str, int]] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                repeated.append((prefix + key.value, key.start_mark.line + 1))
            seen.add(key.value)
            repeated += repeated_keys(value, f"{prefix}{key.value}.")
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            repeated += repeated_keys(value, f"{prefix}{number}.")
    return repeated
