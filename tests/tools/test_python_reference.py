"""The page of a package's public definitions."""

from pathlib import Path

import pytest

from tools.python_reference import package_directives, public_definitions, python_page


@pytest.fixture
def source(tmp_path: Path) -> Path:
    package = tmp_path / "project" / "layers"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("def build(): ...\n")
    (package / "dice.py").write_text("class Dice: ...\n\nclass _Helper: ...\n\nLIMIT = 1\n\ndef activate(): ...\n")
    (package / "broken_on_import.py").write_text("raise ImportError\n\nclass Never: ...\n")
    return tmp_path


def test_private_names_and_constants_are_left_out(source: Path) -> None:
    assert public_definitions(source / "project" / "layers" / "dice.py") == ["Dice", "activate"]


def test_modules_are_not_imported(source: Path) -> None:
    assert list(package_directives(source / "project" / "layers", "project.layers")) == [
        "::: project.layers.build\n",
        "::: project.layers.broken_on_import.Never\n",
        "::: project.layers.dice.Dice\n",
        "::: project.layers.dice.activate\n",
    ]


def test_the_page_has_a_section_for_each_heading(source: Path) -> None:
    page = python_page("API", "Text.", source, {"Layers": ["project.layers"], "Nothing": []})
    assert page.startswith("# API\n\nText.\n\n## Layers\n\n::: project.layers.build\n")
    assert page.endswith("## Nothing\n")
