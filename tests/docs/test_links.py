"""Relative links of the Markdown files that are not part of the site, which `make docs` checks by itself."""

import re
from pathlib import Path

import pytest

from tests.paths import PROJECT
from tools.python_reference import public_definitions

FILES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "examples").glob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MkDocs derive them."""
    headings = re.findall(r"^#+ +(.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_links_lead_somewhere(file: Path) -> None:
    dead = []
    for target in LINK.findall(file.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        page = file.parent / path if path else file
        if not page.exists() or (anchor and anchor not in anchors(page)):
            dead.append(target)
    assert not dead


def test_the_front_page_is_one_of_them() -> None:
    assert PROJECT / "README.md" in FILES


SOURCE = re.compile(
    r"`((?:benchmarks|configs|examples|kubeflow|models|pipeline|serving|tests|tools|transforms)/[\w./-]+)`"
)
TEXTS = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])
"""Pages and front matter; NAME in a path stands for any."""


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_source_files_that_a_text_names_exist(text: Path) -> None:
    named = {path for path in SOURCE.findall(text.read_text()) if "NAME" not in path}
    assert not {path for path in named if not (PROJECT / path).exists()}


@pytest.mark.parametrize("page", [page for page in TEXTS if "\n::: " in page.read_text()], ids=lambda path: path.name)
def test_definitions_of_the_python_reference_exist(page: Path) -> None:
    missing = []
    for name in re.findall(r"^::: ([\w.]+)$", page.read_text(), flags=re.MULTILINE):
        module, _, definition = name.rpartition(".")
        file = PROJECT / "src" / f"{module.replace('.', '/')}.py"
        is_module = (PROJECT / "src" / f"{name.replace('.', '/')}.py").exists()
        if not is_module and not (file.exists() and definition in public_definitions(file)):
            missing.append(name)
    assert not missing
