"""Packages import one another in one direction, and no two modules import one another."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import PROJECT

SHARED = {
    "assignments", "beam_runner", "digests", "memory_size", "readable_reason", "section", "storage",
}  # fmt: skip
"""Single modules, and packages of `src/`, that stand below every other package."""
ALLOWED = {
    "beam_runner": SHARED,
    "transforms": SHARED,
    "models": SHARED,
    "serving": SHARED | {"models", "transforms"},
    "kubeflow": SHARED,
    "pipeline": SHARED | {"transforms", "models", "serving", "kubeflow"},
}
"""By package, the packages (or single modules) of the project that it may import."""
ROOT = "interestflow"


def module_name(file: Path) -> str:
    """Return the dotted name below `interestflow`: "models.rankers.din", and "models" for its `__init__.py`."""
    parts = file.relative_to(PROJECT).with_suffix("").parts
    parts = parts[2:] if parts[0] == "src" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_folder(package: str) -> Path:
    """Return the folder of a package, which is one of the project's or one of `src/`."""
    folder = PROJECT / package
    return folder if folder.is_dir() else PROJECT / "src" / ROOT / package


MODULES = {module_name(file): file for package in ALLOWED for file in package_folder(package).rglob("*.py")}


def imports(source: str, modules: set[str]) -> Iterator[str]:
    """Yield the modules of the project that a source imports, wherever in it: in functions and for types alone, too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            root, _, remainder = name.partition(".")
            if root == ROOT:
                yield remainder if remainder in modules else remainder.rpartition(".")[0]


IMPORTS = {name: set(imports(file.read_text(), set(MODULES))) for name, file in MODULES.items()}


def test_the_imports_of_a_source_are_found_wherever_they_stand() -> None:
    source = """
import numpy
import interestflow.models.registry
from interestflow.serving import scorer
from interestflow.serving.scorer import Scorer
from interestflow import __version__
def later():
    from interestflow.transforms.config import Section
"""
    modules = {"models.registry", "serving.scorer", "transforms.config"}
    assert list(imports(source, modules)) == [
        "models.registry", "serving.scorer", "serving.scorer", "", "transforms.config",
    ]  # fmt: skip


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_a_package_imports_only_what_stands_below_it(package: str) -> None:
    assert {name for name in IMPORTS if name.partition(".")[0] == package}  # the package exists
    for module, imported in IMPORTS.items():
        if module.partition(".")[0] == package:
            for name in imported - {""}:
                other = name.partition(".")[0]
                assert other == package or {name, other} & ALLOWED[package], f"{module} imports {name}"


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Return the nodes of one cycle, or an empty list where there is none."""
    finished: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            return path[path.index(node) :]
        if node in finished:
            return []
        for other in sorted(graph.get(node, set())):
            loop = visit(other, [*path, node])
            if loop:
                return loop
        finished.add(node)
        return []

    return next((loop for node in sorted(graph) if (loop := visit(node, []))), [])


def test_a_cycle_is_found() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert cycle({"a": {"b"}, "b": {"c", "d"}, "d": {"b"}}) == ["b", "d"]


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert cycle(IMPORTS) == []
