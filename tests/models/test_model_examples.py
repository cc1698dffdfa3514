"""The example in the docstring of every model runs.

Besides its module's names, an example has `np`, `ops` and the classes that models are built from in scope.
"""

from __future__ import annotations

import doctest
import importlib

import keras
import numpy as np
import pytest

from interestflow.models.catalogue import Catalogue
from interestflow.models.graphs.collaborative_graph import KnowledgeGraph
from interestflow.models.inputs import ModelInputs
from interestflow.models.registry import BUILT_IN
from interestflow.models.spec import ModelSpec

NAMES = {value.__name__: value for value in (ModelInputs, Catalogue, KnowledgeGraph)}


@pytest.mark.parametrize("spec", BUILT_IN.values(), ids=lambda spec: spec.name)
def test_the_example_of_a_model_runs(spec: ModelSpec) -> None:
    module, name = spec.implementation.split(":")
    scope = {**vars(importlib.import_module(module)), "ops": keras.ops, "np": np, **NAMES}
    (test,) = (
        example for example in doctest.DocTestFinder().find(scope[name], name, globs=scope) if example.name == name
    )
    assert test.examples, f"the docstring of {name} should have an example"
    assert doctest.DocTestRunner().run(test).failed == 0
