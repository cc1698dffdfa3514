"""Evolution of an interest towards a candidate: recurrent cells whose updates are gated by attention."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from interestflow.models.tensor import Shape, Tensor

CELLS = ("aigru", "agru", "augru", "augru_released")


@keras.saving.register_keras_serializable(package="interestflow")
class EvolutionCell(keras.layers.Layer):
    """Step of a gated recurrent unit with attention `a`, from the projected input `[W_z x; W_r x; W_h x]` and `a`.

        z = sigmoid(W_z x + U_z h),  r = sigmoid(W_r x + U_r h),  c = tanh(W_h x + r * (U_h h))

    | cell | next state | source |
    |---|---|---|
    | aigru | `(1 - z) h + z c`, of the input `a x` | DIEN (arXiv 1809.03672), 4.4 |
    | agru | `(1 - a) h + a c` | the same |
    | augru | `(1 - a z) h + a z c` | the same |
    | augru_released | `(1 - a) z h + (1 - (1 - a) z) c`, where the gate keeps the state | the authors' code |

    Without attention agru and augru leave the state as it is, and the released cell takes an ordinary step. Padding
    leaves the state as it is in all cells.

    Args:
        units: size `n` of the state.
        cell: one of `CELLS`.

    Example:

    >>> cell = EvolutionCell(units=2, cell="augru")
    >>> state, _ = cell(ops.ones((1, 3 * 2 + 1)), [ops.zeros((1, 2))])  # the projected input, and the attention
    >>> tuple(state.shape)
    (1, 2)

    Reference:
        Deep Interest Evolution Network (arXiv 1809.03672), section 4.4, and the authors' code.
    """

    def __init__(self, units: int, cell: str = "augru", **kwargs: Any) -> None:
        """Store the sizes that `keras.layers.RNN` asks for."""
        super().__init__(**kwargs)
        if cell not in CELLS:
            raise ValueError(f"`cell` should be one of {', '.join(CELLS)}, received {cell!r}")
        self.units = units
        self.cell = cell
        self.state_size = units
        self.output_size = units

    def build(self, *_: Shape) -> None:
        """Create the recurrent weights [n, 3 n], or [n, 2 n] for agru."""
        n = self.units
        # Attention replaces agru's update gate, which would then learn nothing.
        width = 2 * n if self.cell == "agru" else 3 * n
        self.recurrent = self.add_weight(name="recurrent", shape=(n, width), initializer="orthogonal")

    def call(
        self, inputs: Tensor, states: list[Tensor] | Tensor, training: bool | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Take one step.

        Args:
            inputs: the projected input [B, 3 n] (agru: [B, 2 n]), followed by the columns of `extra_inputs`.
            states: the one state, [B, n].
            training: unused; Keras passes it.

        Returns:
            The next state [B, n], as output and as the list of states.
        """
        (state,) = states if isinstance(states, list | tuple) else (states,)
        count = self.recurrent.shape[1]
        projected, first, last = inputs[:, :count], inputs[:, count : count + 1], inputs[:, -1:]
        state_products = ops.matmul(state, ops.cast(self.recurrent, state.dtype))
        *gates, candidate = ops.split(projected, projected.shape[-1] // self.units, axis=-1)
        *own_gates, own_candidate = ops.split(state_products, state_products.shape[-1] // self.units, axis=-1)
        reset = ops.sigmoid(gates[-1] + own_gates[-1])
        candidate = ops.tanh(candidate + reset * own_candidate)
        if self.cell == "agru":
            share = first
        else:
            gate = ops.sigmoid(gates[0] + own_gates[0])
            share = last * (1.0 - (1.0 - first) * gate) if self.cell == "augru_released" else first * gate
        state = state + share * (candidate - state)
        return state, [state]

    @staticmethod
    def extra_inputs(cell: str, attention: Tensor, valid: Tensor) -> list[Tensor]:
        """Return the columns [B, T, 1] that a cell reads after its projected input.

        Args:
            cell: one of `CELLS`.
            attention: [B, T, 1], 0 where padded.
            valid: [B, T, 1], 1 where there is a behaviour and 0 where padded.
        """
        return {"aigru": [valid], "augru_released": [attention, valid]}.get(cell, [attention])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "units": self.units, "cell": self.cell}


@keras.saving.register_keras_serializable(package="interestflow")
class InterestEvolution(keras.layers.Layer):
    """Last state of `EvolutionCell` over the behaviours of a history.

    All inputs are projected at once, which leaves the state's own products to each step. Padding leaves the state as it
    is because its share is 0, which costs less than Keras's masking of every step. TensorFlow trains the layer by
    `gated_recurrence`, in half the time on a CPU.

    Args:
        units: size of the state.
        cell: one of `CELLS`; see `EvolutionCell`.

    Example:

    >>> evolution = InterestEvolution(units=8)
    >>> states, attention, mask = ops.ones((2, 5, 4)), ops.ones((2, 5)) / 5, ops.ones((2, 5), "bool")
    >>> tuple(evolution(states, attention, mask).shape)
    (2, 8)

    Reference:
        Deep Interest Evolution Network (arXiv 1809.03672), section 4.4.
    """

    def __init__(self, units: int, cell: str = "augru", **kwargs: Any) -> None:
        """Create the projection of the inputs and the loop over steps."""
        super().__init__(**kwargs)
        self.units = units
        self.cell = cell
        self.supports_masking = True
        width = 2 * units if cell == "agru" else 3 * units
        self.projection = keras.layers.Dense(width, name="projection")
        self.steps = keras.layers.RNN(EvolutionCell(units, cell, name="cell"), name="steps")

    def build(self, inputs_shape: Shape, *_: Shape) -> None:
        """Build the projection and the loop for inputs of this shape."""
        self.projection.build(inputs_shape)
        extra = 2 if self.cell == "augru_released" else 1
        self.steps.build((*inputs_shape[:-1], self.projection.units + extra))

    def call(self, inputs: Tensor, attention: Tensor, mask: Tensor, training: bool | None = None) -> Tensor:
        """Compute the last state.

        Args:
            inputs: [B, T, d].
            attention: [B, T].
            mask: bool [B, T], true where there is a behaviour.
            training: whether gradients are needed.

        Returns:
            [B, units]; zeros for a history without behaviours.
        """
        valid = ops.expand_dims(ops.cast(mask, inputs.dtype), -1)
        attention = valid * ops.expand_dims(ops.cast(attention, inputs.dtype), -1)
        if self.cell == "aigru":
            inputs = attention * inputs
        if not training or keras.backend.backend() != "tensorflow":
            return self.run_cell(inputs, attention, valid)
        from interestflow.models.layers.sequence.gated_recurrence import gated_recurrence

        weights = (self.projection.kernel, self.projection.bias, self.steps.cell.recurrent)
        kernel, bias, recurrent = (ops.cast(weight, inputs.dtype) for weight in weights)
        base, slope = self._share(attention, valid)
        return gated_recurrence(inputs, kernel, bias, recurrent, base=base, slope=slope)

    def run_cell(self, inputs: Tensor, attention: Tensor, valid: Tensor) -> Tensor:
        """Compute the last state by Keras's loop over `EvolutionCell`; attention and `valid` are [B, T, 1]."""
        extra = EvolutionCell.extra_inputs(self.cell, attention, valid)
        return self.steps(ops.concatenate([self.projection(inputs), *extra], axis=-1))

    def _share(self, attention: Tensor, valid: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return the renewed share of the state as `base` and `slope` of `gated_recurrence`."""
        if self.cell == "agru":
            return attention, None
        if self.cell == "augru_released":
            return valid, valid * (attention - 1.0)
        return None, valid if self.cell == "aigru" else attention

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """Return None: the output has no history axis that a mask could follow."""

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "units": self.units, "cell": self.cell}
