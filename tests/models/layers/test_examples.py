"""Every public layer, loss and optimizer has an example that runs, and every layer survives its configuration.

Examples see `keras`, `keras.ops`, NumPy, TensorFlow and the names of their own module, and those of `HELPERS`.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from interestflow.models import layers, losses, optimizers
from interestflow.models.layers.embedding.declared_tables import mark_as_table
from interestflow.models.optimizers.row_sparse import SparseAdagrad

REGISTERED = "interestflow>"
FRAMEWORKS = {"keras": keras, "ops": ops, "np": np, "tf": tf}
HELPERS = {"mark_as_table": mark_as_table, "SparseAdagrad": SparseAdagrad}


def modules() -> Iterator[ModuleType]:
    for package in (layers, losses, optimizers):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(module.name)


def definitions() -> Iterator[tuple[ModuleType, Any]]:
    """Return public classes and functions, each with the module that defines it."""
    for module in modules():
        for name, value in vars(module).items():
            is_own = getattr(value, "__module__", None) == module.__name__
            if not name.startswith("_") and is_own and (inspect.isclass(value) or inspect.isfunction(value)):
                yield module, value


def is_registered(value: Any) -> bool:
    return inspect.isclass(value) and keras.saving.get_registered_name(value).startswith(REGISTERED)


def namespace(module: ModuleType) -> dict[str, Any]:
    keras.utils.set_random_seed(1)
    return {**vars(module), **FRAMEWORKS, **HELPERS}


DOCUMENTED = [pair for pair in definitions() if ">>>" in (pair[1].__doc__ or "")]
REGISTERED_CLASSES = [pair for pair in definitions() if is_registered(pair[1])]
LAYERS = [pair for pair in REGISTERED_CLASSES if issubclass(pair[1], keras.layers.Layer)]


def name_of(value: Any) -> str:
    return getattr(value, "__name__", "")


@pytest.mark.parametrize(("module", "value"), DOCUMENTED, ids=name_of)
def test_the_example_prints_what_it_says(module: ModuleType, value: Any) -> None:
    example = doctest.DocTestParser().get_doctest(value.__doc__, namespace(module), value.__name__, module.__file__, 0)
    report: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert result.failed == 0, "".join(report)


@pytest.mark.parametrize(("module", "value"), REGISTERED_CLASSES, ids=name_of)
def test_a_registered_class_has_an_example(module: ModuleType, value: Any) -> None:
    assert "Example:\n" in value.__doc__, f"`{value.__name__}` in {module.__name__} needs an `Example:`"
    assert ">>> " in value.__doc__, f"the example of `{value.__name__}` in {module.__name__} should be a doctest"


@pytest.mark.parametrize(("module", "value"), LAYERS, ids=name_of)
def test_a_layer_is_the_same_from_its_configuration(module: ModuleType, value: type[keras.layers.Layer]) -> None:
    """The example is run twice: with its layer, and with one that is built from the layer's configuration instead."""
    statements = [example.source for example in doctest.DocTestParser().get_examples(value.__doc__ or "")]
    original, config = run(statements, namespace(module), value, None)
    copy, copied_config = run(statements, namespace(module), value, config)
    assert copied_config == config
    assert copy is not original
    assert [(weight.name, tuple(weight.shape)) for weight in copy.weights] == [
        (weight.name, tuple(weight.shape)) for weight in original.weights
    ]
    registered = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(original))
    assert type(registered) is value


def run(
    statements: list[str], names: dict[str, Any], kind: type[keras.layers.Layer], config: dict[str, Any] | None
) -> tuple[keras.layers.Layer, dict[str, Any]]:
    """Run an example, whose layer is built from `config` if there is one; return the layer and its configuration."""
    built: list[keras.layers.Layer] = []

    def build(*arguments: Any, **options: Any) -> keras.layers.Layer:
        built.append(kind(*arguments, **options) if config is None else kind.from_config(config))
        return built[-1]

    names[kind.__name__] = build
    for statement in statements:
        exec(statement, names)
    assert built, f"the example of `{kind.__name__}` does not build one"
    return built[0], built[0].get_config()
