"""The generated pages of the real application and configuration."""

import json
import re

from interestflow.models import registry
from interestflow.pipeline.config import PipelineConfig
from tools.docs_hooks import generated_pages

PAGES = generated_pages()


def test_the_configuration_page_has_every_key_of_the_top_level() -> None:
    page = PAGES["reference/configuration.md"]
    for key in PipelineConfig.model_fields:
        assert f"| `{key}` |" in page


def test_every_model_has_a_section() -> None:
    for spec in registry.specs():
        assert f"{{ #model-{spec.name} }}" in PAGES["reference/configuration.md"]


def test_every_key_has_a_type_and_a_description() -> None:
    rows = re.findall(r"^\| `.*", PAGES["reference/configuration.md"], flags=re.MULTILINE)
    assert len(rows) > 300
    assert not [row for row in rows if row.endswith("|  |") or "`  |  |" in row or "any value" in row]


def test_the_command_line_page_has_the_commands() -> None:
    page = PAGES["reference/command-line.md"]
    for command in ("run", "validate", "evaluate", "serve", "query", "compile", "render-serving"):
        assert f"## `interestflow {command}`" in page


def test_the_schema_is_json_for_editors() -> None:
    schema = json.loads(PAGES["reference/interestflow.schema.json"])
    assert schema["type"] == "object"
    assert "model" in schema["properties"]
