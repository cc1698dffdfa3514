"""Version, licence and dependencies agree wherever the project states them."""

import re
import tomllib

import yaml

from tests.paths import PROJECT

METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
EXTRAS = METADATA["optional-dependencies"]
NAME = re.compile(r"[A-Za-z][\w.-]*")


def required_names() -> set[str]:
    """Return the names of all direct dependencies, of the base and of every extra."""
    requirements = [*METADATA["dependencies"], *(text for extra in EXTRAS.values() for text in extra)]
    names = (NAME.match(requirement) for requirement in requirements)
    return {name[0] for name in names if name} - {METADATA["name"]}


def test_the_version_is_the_same_everywhere() -> None:
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    assert citation["version"] == METADATA["version"]
    assert f"\n## {METADATA['version']}" in (PROJECT / "CHANGELOG.md").read_text()


def test_the_licence_is_the_same_everywhere() -> None:
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    assert METADATA["license"] == citation["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in (PROJECT / "LICENSE").read_text()
    assert all((PROJECT / name).exists() for name in METADATA["license-files"])


def test_each_dependency_has_a_reason() -> None:
    table = re.findall(r"^\| ([^|]+) \|", (PROJECT / "docs/decisions/dependencies.md").read_text(), flags=re.MULTILINE)
    explained = {name.strip() for cell in table for name in cell.split(",")}
    assert not required_names() - explained


def test_each_dependency_is_pinned() -> None:
    pins = set(re.findall(r"^([\w.-]+)(?:\[.*\])?==", (PROJECT / "requirements.txt").read_text(), flags=re.MULTILINE))
    assert not {name.lower() for name in required_names()} - pins


def test_each_extra_is_described() -> None:
    packaging = (PROJECT / "docs/decisions/packaging.md").read_text()
    assert all(f"`interestflow[{extra}]`" in packaging for extra in EXTRAS)
