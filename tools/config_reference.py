"""Page of the documentation that lists every key of the configuration, generated from its JSON schema.

Each object of the schema becomes a section with one table. A section that is used at several keys is written once, at
the first of them, and the others link to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.markdown_table import markdown_table

JsonSchema = Mapping[str, Any]

INTRODUCTION = """# Configuration

One YAML file configures a run. This page is generated from the types that check the file, so it lists every key.
Unknown keys are refused, with file and line. `interestflow validate my.yaml` checks a file without
running anything.

Editors that speak the YAML language server complete keys and mark mistakes while you type, if the first line of the
file names the [JSON schema](interestflow.schema.json):

```yaml
# yaml-language-server: $schema=https://interestflow.github.io/interestflow/reference/interestflow.schema.json
```

A path to a local copy of the schema works as well; `interestflow schema` prints it. "required" in the column *Default*
marks keys without a default. Units are in the descriptions.
"""

MANY = 4
"""From this number of alternatives on, they are a list with commas."""
BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "pattern": "matches `{}`",
    "minItems": "at least {} values",
}


@dataclass(frozen=True)
class Section:
    """One table of the page.

    Attributes:
        path: keys that lead to the section, such as `training.optimizer`.
        definition: name of the object in the schema's `$defs`.
        schema: the object's own schema.
    """

    path: str
    definition: str
    schema: JsonSchema


def _parts(schema: JsonSchema) -> Iterator[JsonSchema]:
    """Yield the schemas of which a key's schema is made: alternatives, items of a list, values of a mapping."""
    yield from (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("prefixItems", ()))
    for part in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(part, Mapping):
            yield part


def _variant(schema: JsonSchema) -> str:
    """Return the constant `name` of one alternative of a union, such as `din`, or an empty text."""
    name = schema.get("properties", {}).get("name", {})
    values = name.get("enum", ())
    return str(name["const"]) if "const" in name else str(values[0]) if len(values) == 1 else ""


def _objects(schema: JsonSchema, definitions: JsonSchema) -> Iterator[tuple[str, JsonSchema]]:
    """Yield the objects that a key may hold, each with a name: that of its definition, or `model-NAME` for a model."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if "properties" in definitions[name]:
            yield name, definitions[name]
    elif "properties" in schema:
        yield f"model-{_variant(schema)}", schema
    for part in _parts(schema):
        yield from _objects(part, definitions)


def sections(schema: JsonSchema) -> list[Section]:
    """Return the sections below the top level, in the order of the keys, each definition once."""
    definitions = schema.get("$defs", {})
    sections_by_name: dict[str, Section] = {}

    def visit(path: str, parent: JsonSchema) -> None:
        for key, value in parent.get("properties", {}).items():
            for name, definition in _objects(value, definitions):
                if name in sections_by_name:
                    continue
                marker = "[]" if value.get("type") == "array" else ""
                variant = _variant(definition)
                below = f"{path}{key}{marker}" + (f": {variant}" if variant else "")
                sections_by_name[name] = Section(below, name, definition)
                visit(f"{path}{key}{marker}.", definition)

    visit("", schema)
    return list(sections_by_name.values())


def _anchor(definition: str) -> str:
    return re.sub(r"(?<=[a-zA-Z])(?=[A-Z][a-z])", "-", definition).lower()


def _code(value: Any) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def type_text(schema: JsonSchema, definitions: JsonSchema) -> str:
    """Return the type of a key in words, with its bounds; sections become links."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        definition = definitions[name]
        if "properties" not in definition:
            return type_text(definition, definitions)
        return f"[{_variant(definition) or name}](#{_anchor(name)})"
    if _variant(schema):
        return f"[{_variant(schema)}](#model-{_variant(schema)})"
    if "const" in schema:
        return _code(schema["const"])
    if "enum" in schema:
        return ", ".join(_code(value) for value in schema["enum"])
    options = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    if options:
        texts = [type_text(option, definitions) for option in options if option.get("type") != "null"]
        optional = any(option.get("type") == "null" for option in options)
        separator = " or " if len(texts) < MANY else ", "
        return separator.join(dict.fromkeys(texts)) + (" or null" if optional else "")
    bounds = [text.format(schema[name]) for name, text in BOUNDS.items() if name in schema]
    kind = str(schema.get("type", "any value"))
    if kind == "array":
        items = schema.get("items") or (schema.get("prefixItems") or [{}])[0]
        kind = f"list of {type_text(items, definitions)}"
    elif kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        kind = f"mapping to {type_text(schema['additionalProperties'], definitions)}"
    else:
        kind = {"string": "text", "boolean": "true or false", "object": "mapping"}.get(kind, kind)
    return ", ".join([kind, *bounds])


def _default_text(key: str, schema: JsonSchema, parent: JsonSchema, definitions: JsonSchema) -> str:
    if key in parent.get("required", ()):
        return "required"
    if "default" not in schema:
        return ""
    default = schema["default"]
    if isinstance(default, Mapping) and default:
        return "see the section" if any(_objects(schema, definitions)) else _code(default)
    return _code(default)


def table(parent: JsonSchema, definitions: JsonSchema) -> str:
    """Return the table of an object's keys."""
    rows = [
        (
            f"`{key}`",
            type_text(schema, definitions),
            _default_text(key, schema, parent, definitions),
            str(schema.get("description", "")),
        )
        for key, schema in parent.get("properties", {}).items()
    ]
    return markdown_table(("Key", "Type", "Default", "Description"), rows)


def configuration_page(schema: JsonSchema) -> str:
    """Return the whole page in Markdown, for the JSON schema of the configuration."""
    definitions = schema.get("$defs", {})
    parts = [INTRODUCTION, "## Top level\n", table(schema, definitions)]
    for section in sections(schema):
        parts.append(f"\n## `{section.path}` {{ #{_anchor(section.definition)} }}\n")
        description = str(section.schema.get("description", "")).strip()
        if description:
            parts.append(description + "\n")
        parts.append(table(section.schema, definitions))
    return "\n".join(parts) + "\n"
