"""One model for several checks on the same case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


class SharedModel:
    """The model that was built last. It is built anew for another case, and its variables are set back for each check.

    Args:
        create: builds a model by a function that identifies the case.
    """

    def __init__(self, create: Callable[[Callable[[], Any]], Any]) -> None:
        self.create = create
        self.build: Callable[[], Any] | None = None

    def __call__(self, build: Callable[[], Any]) -> Any:
        if self.build is not build:
            self.build = None
            self.model: keras.Model = self.create(build)
            self.values = [np.array(variable) for variable in self.model.variables]
            self.build = build
        for variable, value in zip(self.model.variables, self.values, strict=True):
            variable.assign(value)
        return self.model
