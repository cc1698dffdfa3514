"""Each type of artifact is an attribute of the package by the name that a compiled step imports."""

from __future__ import annotations

from importlib import import_module

import pytest
from tfx.types.artifact import Artifact
from tfx.utils import import_utils

import interestflow
from interestflow.pipeline.artifacts import types

KINDS = [kind for kind in vars(types).values() if isinstance(kind, type) and issubclass(kind, Artifact)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Artifact])
def test_a_type_is_found_by_its_name(kind: type[Artifact]) -> None:
    assert import_utils.import_class_by_path(kind.TYPE_NAME) is kind
    assert f"interestflow.{kind.__name__}" == kind.TYPE_NAME


def test_there_is_no_other_attribute() -> None:
    assert import_module("interestflow") is interestflow
    for name in ("Champion", "UnknownArtifact"):
        with pytest.raises(AttributeError, match=name):
            getattr(interestflow, name)
