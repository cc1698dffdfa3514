"""Types of tensors, of their shapes and of a model's features. Importing this module imports no framework."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias


class Tensor(Protocol):
    """Array of numbers of any backend: what every function of `keras.ops` takes and returns.

    TensorFlow, JAX and NumPy arrays fit, and so do Keras's symbolic tensors and variables. The docstring of a function
    states the shapes and dtypes of its arguments.
    """

    @property
    def shape(self) -> Any:
        """Sizes by axis. A size is None where a graph leaves it open."""

    @property
    def dtype(self) -> Any:
        """Type of the elements: a name, such as "float32", or the backend's own object."""

    def __getitem__(self, key: Any, /) -> Tensor:
        """Return the elements at `key`."""

    def __add__(self, other: Any, /) -> Tensor:
        """Return the elementwise sum."""

    def __radd__(self, other: Any, /) -> Tensor:
        """Return the elementwise sum."""

    def __sub__(self, other: Any, /) -> Tensor:
        """Return the elementwise difference."""

    def __rsub__(self, other: Any, /) -> Tensor:
        """Return the elementwise difference."""

    def __mul__(self, other: Any, /) -> Tensor:
        """Return the elementwise product."""

    def __rmul__(self, other: Any, /) -> Tensor:
        """Return the elementwise product."""

    def __truediv__(self, other: Any, /) -> Tensor:
        """Return the elementwise quotient."""

    def __rtruediv__(self, other: Any, /) -> Tensor:
        """Return the elementwise quotient."""

    def __floordiv__(self, other: Any, /) -> Tensor:
        """Return the elementwise quotient, rounded down."""

    def __rfloordiv__(self, other: Any, /) -> Tensor:
        """Return the elementwise quotient, rounded down."""

    def __mod__(self, other: Any, /) -> Tensor:
        """Return the elementwise remainder."""

    def __pow__(self, other: Any, /) -> Tensor:
        """Return the elementwise power."""

    def __neg__(self) -> Tensor:
        """Return the elements with their signs changed."""

    def __eq__(self, other: Any, /) -> Tensor:  # type: ignore[override]
        """Return where the elements are equal."""

    def __ne__(self, other: Any, /) -> Tensor:  # type: ignore[override]
        """Return where the elements differ."""

    def __lt__(self, other: Any, /) -> Tensor:
        """Return where the elements are smaller."""

    def __le__(self, other: Any, /) -> Tensor:
        """Return where the elements are smaller or equal."""

    def __gt__(self, other: Any, /) -> Tensor:
        """Return where the elements are larger."""

    def __ge__(self, other: Any, /) -> Tensor:
        """Return where the elements are larger or equal."""


Features: TypeAlias = dict[str, Tensor]
"""A model's input tensors by name: see `interestflow.models.inputs`."""

Shape: TypeAlias = tuple[Any, ...]
"""Sizes by axis, as `keras.layers.Layer.build` receives them: integers, or None where a graph leaves a size open."""
