"""Arrays and tensors of every kind have what the type promises, and the type costs no import."""

from __future__ import annotations

import os
import subprocess
import sys
from types import FunctionType

import keras
import numpy as np
import pytest
import tensorflow as tf

from interestflow.models.tensor import Tensor
from tests.paths import PYTHON_PATH

MEMBERS = sorted(name for name, value in vars(Tensor).items() if isinstance(value, FunctionType | property))
OF_PROTOCOLS = ("__init__", "__subclasshook__")


@pytest.mark.parametrize(
    "tensor",
    [np.zeros(2), tf.zeros(2), keras.Variable([0.0, 0.0]), keras.KerasTensor((2,))],
    ids=["NumPy", "TensorFlow", "variable", "symbolic"],
)
def test_what_fits(tensor: Tensor) -> None:
    assert {"shape", "dtype", "__add__", "__rsub__", "__getitem__", "__lt__"} <= set(MEMBERS)
    assert [name for name in MEMBERS if name not in OF_PROTOCOLS and not hasattr(tensor, name)] == []


def test_importing_the_type_imports_no_framework() -> None:
    program = "import sys, interestflow.models.tensor; "
    program += "print(sorted({'keras', 'tensorflow', 'jax', 'numpy'} & {*sys.modules}))"
    environment = os.environ | {"PYTHONPATH": PYTHON_PATH}
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
