"""All items there are: what a matcher retrieves from, draws negatives from and corrects popularity by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.embedding.gather import gather_rows


@dataclass(frozen=True)
class Catalogue:
    """Row i describes the item of id i: row 0 padding, then the vocabulary, rows of unknown items included.

    Attributes:
        tensors: by name the tensors of `ModelInputs.candidate_tensors`, [item_rows, ...], as the models get them;
            `item` counts up from 0.
        counts: [item_rows], in how many positives of the training split each item is the target.
    """

    tensors: dict[str, np.ndarray]
    counts: np.ndarray

    @classmethod
    def of_ids(cls, inputs: ModelInputs, counts: Any) -> Catalogue:
        """Of items without attributes."""
        return cls({"item": np.arange(inputs.item_rows)}, np.asarray(counts, np.float32))

    def check(self, inputs: ModelInputs) -> None:
        """Raises ValueError, which names it, where a tensor is missing or has another shape than `inputs` says."""
        tensors = inputs.tensors()
        for name in sorted(inputs.candidate_tensors):
            if name not in self.tensors:
                raise ValueError(f"the catalogue should have `{name}`, received {', '.join(sorted(self.tensors))}")
            _check_shape(name, self.tensors[name], (inputs.item_rows, *tensors[name][0]))
        _check_shape("counts", self.counts, (inputs.item_rows,))
        if not np.array_equal(self.tensors["item"], np.arange(inputs.item_rows)):
            raise ValueError("`item` of the catalogue should count up from 0, so that row i is of id i")


def _check_shape(name: str, values: np.ndarray, expected: tuple[int, ...]) -> None:
    if tuple(values.shape) != expected:
        raise ValueError(f"`{name}` of the catalogue should have shape {expected}, received {tuple(values.shape)}")


class CatalogueTensors(keras.layers.Layer):
    """A catalogue as weights that do not learn, so that a model that is saved has it; zeros where none is given."""

    def __init__(self, inputs: ModelInputs, catalogue: Catalogue | None, **kwargs: Any) -> None:
        super().__init__(**{"trainable": False, **kwargs})
        if catalogue is not None:
            catalogue.check(inputs)
        self.item_rows = inputs.item_rows
        self.shapes = {name: inputs.tensors()[name] for name in sorted(inputs.candidate_tensors - {"item"})}
        self._initial = catalogue
        self.build()

    def build(self, *_: Any) -> None:
        self.counts = self._weight("counts", (), "float32")
        self.attributes = [self._weight(name, shape, dtype) for name, (shape, dtype) in self.shapes.items()]
        if self._initial is not None:
            self.counts.assign(self._initial.counts)
            for name, weight in zip(self.shapes, self.attributes, strict=True):
                weight.assign(self._initial.tensors[name])
        self._initial = None

    def _weight(self, name: str, shape: tuple[int, ...], dtype: str) -> Any:
        return self.add_weight(
            name=name, shape=(self.item_rows, *shape), dtype=dtype, initializer="zeros", trainable=False, autocast=False
        )

    def features(self, items: Any) -> dict[str, Any]:
        """The tensors [N, ...] that describe the items of ids [N]."""
        named = zip(self.shapes, self.attributes, strict=True)
        return {"item": items, **{name: gather_rows(weight, items) for name, weight in named}}

    def probabilities(self, items: Any) -> Any:
        """Share [N], float32, of the training positives whose target each item is."""
        total = ops.maximum(ops.sum(ops.convert_to_tensor(self.counts)), 1.0)
        return gather_rows(self.counts, items) / total
