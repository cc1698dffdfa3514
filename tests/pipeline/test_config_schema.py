"""Every key of the configuration is described, and its JSON schema says what the file may hold."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from interestflow.models import registry
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.config_schema import json_schema


def sections_within(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the pydantic models in a type such as `dict[str, Section | None]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from sections_within(part)


def all_sections() -> dict[str, type[BaseModel]]:
    """Return every section of the configuration and the hyper-parameters of every model, by class name."""
    sections: dict[str, type[BaseModel]] = {}
    waiting: list[type[BaseModel]] = [PipelineConfig, *(spec.hyperparameters for spec in registry.specs())]
    while waiting:
        section = waiting.pop()
        if section.__name__ not in sections:
            sections[section.__name__] = section
            for field in section.model_fields.values():
                waiting += sections_within(field.annotation)
    return sections


SECTIONS = all_sections()
SCHEMA = json_schema()
VALIDATOR = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)


def test_the_walk_reaches_every_corner() -> None:
    assert {"PipelineConfig", "LinksConfig", "Condition", "TLSConfig", "DenseOptimizerConfig", "GateConfig"} <= set(
        SECTIONS
    )
    assert {spec.hyperparameters.__name__ for spec in registry.specs()} <= set(SECTIONS)
    assert sum(len(section.model_fields) for section in SECTIONS.values()) > 300


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_a_section_and_all_its_keys_are_described_in_sentences(name: str) -> None:
    section = SECTIONS[name]
    assert section.__doc__
    assert section.model_config["extra"] == "forbid"
    for key, field in section.model_fields.items():
        description = field.description or ""
        assert description.endswith("."), f"`{name}.{key}` should have a description, received {description!r}"
        assert description[0].isupper() or description.startswith("host:port"), description


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that `schema` refers to, or itself."""
    reference = schema.get("$ref") or next((part["$ref"] for part in schema.get("anyOf", []) if "$ref" in part), None)
    return SCHEMA["$defs"][reference.rpartition("/")[2]] if reference else schema


def test_every_property_of_the_schema_is_described() -> None:
    for name, definition in {"": SCHEMA, **SCHEMA["$defs"]}.items():
        for key, value in definition.get("properties", {}).items():
            assert "description" in value, f"{name}.{key}"


@pytest.mark.parametrize("section", ["model", "baseline"])
def test_a_model_is_one_of_those_registered(section: str) -> None:
    choices = SCHEMA["properties"][section]
    choices = next((part for part in choices.get("anyOf", []) if "oneOf" in part), choices)
    names = [resolve(alternative)["properties"]["name"]["const"] for alternative in choices["oneOf"]]
    assert sorted(names) == sorted(registry.names())
    assert choices["discriminator"]["propertyName"] == "name"
    for alternative in choices["oneOf"]:
        assert resolve(alternative)["additionalProperties"] is False


def test_keys_are_those_of_the_file() -> None:
    """An attribute's table is `from` in the file, which Python reserves."""
    assert "from" in SCHEMA["$defs"]["AttributeConfig"]["properties"]
    assert "source" not in SCHEMA["$defs"]["AttributeConfig"]["properties"]
    assert set(SCHEMA["required"]) == {"data", "tasks", "name", "model"}


@pytest.mark.parametrize("file", sorted(Path(__file__).parents[2].glob("configs/*.yaml")), ids=lambda file: file.stem)
def test_the_schema_accepts_every_shipped_configuration(file: Path) -> None:
    document = yaml.safe_load(file.read_text())
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


def test_the_schema_refuses_a_typo() -> None:
    document = yaml.safe_load((Path(__file__).parents[2] / "configs" / "demo.yaml").read_text())
    document["model"]["history_aeg"] = True
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)
