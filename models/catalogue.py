"""Catalogue of all items, from which a matcher retrieves, samples negatives and corrects for popularity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from interestflow.models.inputs import ModelInputs
from interestflow.models.layers.embedding.gather import gather_rows
from interestflow.models.tensor import Features, Tensor


@dataclass(frozen=True)
class Catalogue:
    """All items, of which row i describes the item with id i.

    Row 0 is padding; then follows the vocabulary, including the ids of unknown items.

    Attributes:
        tensors: tensors of `ModelInputs.candidate_tensors` by name, [item_rows, ...]; `item` counts up from 0.
        counts: [item_rows], the number of positives of the training split whose target each item is.
    """

    tensors: dict[str, np.ndarray]
    counts: np.ndarray

    @classmethod
    def from_ids(cls, inputs: ModelInputs, counts: ArrayLike) -> Catalogue:
        """Return a catalogue of items without attributes."""
        return cls({"item": np.arange(inputs.item_rows)}, np.asarray(counts, np.float32))

    def check(self, inputs: ModelInputs) -> None:
        """Check that the catalogue has every tensor that `inputs` describes, in its shape.

        Raises:
            ValueError: naming the tensor that is missing or has another shape.
        """
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
    """Catalogue stored as non-trainable weights, so that a saved model contains it.

    Args:
        inputs: names, shapes and sizes of the input tensors.
        catalogue: the items; None creates zeros, to be filled by loading weights.

    Raises:
        ValueError: if the catalogue does not fit `inputs`.
    """

    def __init__(self, inputs: ModelInputs, catalogue: Catalogue | None, **kwargs: Any) -> None:
        """Check the catalogue and create its weights at once, since calling the layer needs no input."""
        super().__init__(**{"trainable": False, **kwargs})
        if catalogue is not None:
            catalogue.check(inputs)
        self.item_rows = inputs.item_rows
        self.shapes = {name: inputs.tensors()[name] for name in sorted(inputs.candidate_tensors - {"item"})}
        self._initial = catalogue
        self.build()

    def build(self, *_: Any) -> None:
        """Create the weights and fill them from the catalogue."""
        self.counts = self._weight("counts", (), "float32")
        self.attributes = [self._weight(name, shape, dtype) for name, (shape, dtype) in self.shapes.items()]
        if self._initial is not None:
            self.counts.assign(self._initial.counts)
            for name, weight in zip(self.shapes, self.attributes, strict=True):
                weight.assign(self._initial.tensors[name])
        self._initial = None

    def _weight(self, name: str, shape: tuple[int, ...], dtype: str) -> keras.Variable:
        return self.add_weight(
            name=name, shape=(self.item_rows, *shape), dtype=dtype, initializer="zeros", trainable=False, autocast=False
        )

    def features(self, items: Tensor) -> Features:
        """Return the tensors [N, ...] that describe the items with ids [N]."""
        named = zip(self.shapes, self.attributes, strict=True)
        return {"item": items, **{name: gather_rows(weight, items) for name, weight in named}}

    def probabilities(self, items: Tensor) -> Tensor:
        """Return the share of the training positives whose target is each item of `ids` [N]: float32 [N]."""
        total = ops.maximum(ops.sum(ops.convert_to_tensor(self.counts)), 1.0)
        return gather_rows(self.counts, items) / total
