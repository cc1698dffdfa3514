"""`interestflow.models` offers its models by name, and imports each only when it is asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import interestflow.models
from interestflow.models import registry

PROGRAM = """
import sys
import interestflow.models
assert not {"keras", "tensorflow", "pydantic"} & sys.modules.keys()
from interestflow.models import DIN, ModelSpec
assert DIN.__module__ == "interestflow.models.rankers.din"
assert "interestflow.models.rankers.tin" not in sys.modules
assert "interestflow.models.matchers.kgat" not in sys.modules
assert not {"tfx", "apache_beam", "tensorflow_transform", "polars", "interestflow.pipeline"} & sys.modules.keys()
"""


def test_a_model_is_imported_with_what_it_needs_alone() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=300)


@pytest.mark.parametrize("name", interestflow.models.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(interestflow.models, name).__name__ == name
    assert name in dir(interestflow.models)


def test_every_model_has_a_public_name() -> None:
    names = {spec.implementation.partition(":")[2] for spec in registry.BUILT_IN.values()}
    assert names <= set(interestflow.models.__all__)


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(interestflow.models.__file__).read_text())
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    imported = {alias.name for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported == set(interestflow.models.__all__)


def test_no_other_name() -> None:
    with pytest.raises(AttributeError, match="has no attribute"):
        getattr(interestflow.models, "DINN")  # noqa: B009
