"""Every key and value with an old name is an error that names the new one, with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from interestflow.models import registry
from interestflow.models.hyperparameters import ModelHyperparameters
from interestflow.pipeline.config import ConfigurationError, PipelineConfig, load
from interestflow.pipeline.config_errors import section_class
from interestflow.pipeline.config_renames import RENAMED_KEYS, RENAMED_VALUES, new_key, new_value
from tests.pipeline.small_config import BASE


def models_with(key: str) -> list[str]:
    return [spec.name for spec in registry.specs() if key in spec.hyperparameters.model_fields]


def document_with(path: str, value: Any, model: str | None) -> dict[str, Any]:
    """Return the base configuration with `value` at `path`, and `model` in the section that `path` begins with."""
    document: dict[str, Any] = yaml.safe_load(BASE)
    section, (*inner, last) = document, path.split(".")
    for part in inner:
        section = section[0] if part == "*" else section.setdefault(part, {})
    section[last] = value
    if model is not None:
        document[path.split(".")[0]]["name"] = model
    return document


def mistakes(document: dict[str, Any], folder: Path) -> list[str]:
    path = folder / "old.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def model_for(path: str) -> str | None:
    section, _, key = path.partition(".")
    return models_with(key)[0] if section in ("model", "baseline") else None


@pytest.mark.parametrize(("old", "new"), RENAMED_KEYS.items(), ids=RENAMED_KEYS)
def test_an_old_key_names_the_new_one(old: str, new: str, tmp_path: Path) -> None:
    document = document_with(old, {} if old == "examination" else 3, model_for(new))
    text = yaml.safe_dump(document, sort_keys=False)
    line = 1 + next(
        n for n, row in enumerate(text.splitlines()) if row.lstrip(" -").startswith(f"{old.split('.')[-1]}:")
    )
    expected = f"`{old}` is now called `{new}` (old.yaml, line {line})".replace("*", "0")
    assert expected in mistakes(document, tmp_path)


@pytest.mark.parametrize("new", sorted({*RENAMED_KEYS.values()}))
def test_the_new_key_is_there(new: str) -> None:
    section: type[BaseModel] = PipelineConfig
    *inner, last = (part for part in new.split(".") if part != "*")
    for part in inner:
        nested = section_class(section.model_fields[part].annotation)
        assert nested is not None
        section = nested
    if section is ModelHyperparameters:
        assert models_with(last)
    else:
        assert last in section.model_fields


@pytest.mark.parametrize(("setting", "new"), RENAMED_VALUES.items(), ids=str)
def test_an_old_value_names_the_new_one(setting: tuple[str, str], new: str, tmp_path: Path) -> None:
    key, old = setting
    (sentence,) = [line for line in mistakes(document_with(key, old, "two_tower"), tmp_path) if key in line]
    assert f"received {old!r}, which is now called {new} (old.yaml, line " in sentence
    assert new in sentence.partition(", received")[0]


def test_what_was_never_renamed() -> None:
    assert new_key(("features", "attributes", 1, "minimum_count")) == "features.attributes.1.min_count"
    assert new_key(("data", "folder")) is None
    assert new_value(("model", "negative_distribution"), "uniform") is None
