"""The page of configuration keys, for a small set of types."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from tools.config_reference import configuration_page, sections, table, type_text


class Adam(BaseModel):
    name: Literal["adam"]
    rate: float = Field(0.1, gt=0, description="Learning rate | of all weights.")


class SGD(BaseModel):
    name: Literal["sgd"]
    momentum: float | None = None


class Column(BaseModel):
    """A column of the log."""

    name: str = Field(pattern="^[a-z]+$")


class Root(BaseModel):
    columns: list[Column]
    target: Column
    optimizer: Annotated[Adam | SGD, Field(discriminator="name")] = Adam(name="adam")
    sizes: dict[str, int] = {}
    split: tuple[float, float] = (0.9, 0.1)
    mode: Literal["fast", "exact"] = "fast"


SCHEMA = Root.model_json_schema()
PAGE = configuration_page(SCHEMA)


def test_each_definition_is_one_section() -> None:
    assert [(section.path, section.definition) for section in sections(SCHEMA)] == [
        ("columns[]", "Column"),
        ("optimizer: adam", "Adam"),
        ("optimizer: sgd", "SGD"),
    ]


def test_a_row_has_type_default_and_description() -> None:
    row = r"| `rate` | number, above 0 | `0.1` | Learning rate \| of all weights. |"
    assert row in PAGE.replace("above 0.0", "above 0").splitlines()


def test_required_keys_and_null_are_said() -> None:
    assert "| `name` | text, matches `^[a-z]+$` | required |  |" in PAGE
    assert "| `momentum` | number or null | `null` |  |" in PAGE


def test_types_in_words() -> None:
    properties, definitions = SCHEMA["properties"], SCHEMA["$defs"]
    words = {key: type_text(schema, definitions) for key, schema in properties.items()}
    assert words == {
        "columns": "list of [Column](#column)",
        "target": "[Column](#column)",
        "optimizer": "[adam](#adam) or [sgd](#sgd)",
        "sizes": "mapping to integer",
        "split": "list of number, at least 2 values",
        "mode": '`"fast"`, `"exact"`',
    }


def test_every_link_has_its_section() -> None:
    for definition in ("column", "adam", "sgd"):
        assert f"{{ #{definition} }}" in PAGE


def test_the_table_has_every_key() -> None:
    assert table(SCHEMA, SCHEMA["$defs"]).count("\n| `") == len(Root.model_fields)


def test_inline_alternatives_are_sections() -> None:
    """Models are alternatives without a definition, since other packages register some."""
    model = {"properties": {"name": {"const": "din"}, "units": {"type": "integer", "default": 8}}, "type": "object"}
    schema = {"properties": {"model": {"oneOf": [model]}, "baseline": {"anyOf": [model, {"type": "null"}]}}}
    page = configuration_page(schema)
    assert [section.path for section in sections(schema)] == ["model: din"]
    assert "## `model: din` { #model-din }" in page
    assert "| `baseline` | [din](#model-din) or null |  |  |" in page
    assert "| `units` | integer | `8` |  |" in page
