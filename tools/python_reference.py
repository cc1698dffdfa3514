"""Page of the documentation with the public classes and functions of some packages, one section per package.

Modules are read, not imported. The page holds mkdocstrings directives, which the site's build replaces by docstrings.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path


def public_definitions(module: Path) -> list[str]:
    """Return the names of a module's public classes and functions, in alphabetical order."""
    tree = ast.parse(module.read_text())
    kinds = (ast.ClassDef, ast.FunctionDef)
    return sorted(node.name for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_"))


def package_directives(package: Path, dotted: str) -> Iterator[str]:
    """Yield one directive for each public definition of a package's modules, in the order of module names.

    Args:
        package: folder of the package.
        dotted: its import name.
    """
    for module in sorted(package.glob("*.py")):
        name = dotted if module.stem == "__init__" else f"{dotted}.{module.stem}"
        for definition in public_definitions(module):
            yield f"::: {name}.{definition}\n"


def python_page(title: str, introduction: str, source: Path, packages: Mapping[str, Iterable[str]]) -> str:
    """Return the whole page in Markdown.

    Args:
        title: heading of the page.
        introduction: text below it.
        source: folder in which import names begin, such as `src`.
        packages: import names of packages by the heading of their section.
    """
    parts = [f"# {title}\n\n{introduction}\n"]
    for heading, names in packages.items():
        parts.append(f"## {heading}\n")
        for name in names:
            parts += package_directives(source.joinpath(*name.split(".")), name)
    return "\n".join(parts)
