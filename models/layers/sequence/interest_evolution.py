"""How an interest evolves towards a candidate: recurrent cells whose steps attention holds back or lets through."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

CELLS = ("aigru", "agru", "augru", "augru_released")


@keras.saving.register_keras_serializable(package="interestflow")
class EvolutionCell(keras.layers.Layer):
    """One step of a gated recurrent unit with attention `a`, from the projected input `[W_z x; W_r x; W_h x]` and `a`.

        z = sigmoid(W_z x + U_z h),  r = sigmoid(W_r x + U_r h),  c = tanh(W_h x + r * (U_h h))

    | cell | next state | source |
    |---|---|---|
    | aigru | `(1 - z) h + z c`, of the input `a x` | DIEN (arXiv 1809.03672), 4.4 |
    | agru | `(1 - a) h + a c` | the same |
    | augru | `(1 - a z) h + a z c` | the same |
    | augru_released | `(1 - a) z h + (1 - (1 - a) z) c`, of the gate that keeps | the authors' code |

    With no attention agru and augru leave the state as it is; the released one takes an ordinary step. Where there is
    no behaviour, all leave it.

    Args:
        units: width of the state, `n`.
        cell: one of `CELLS`.
    """

    def __init__(self, units: int, cell: str = "augru", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if cell not in CELLS:
            raise ValueError(f"`cell` should be one of {', '.join(CELLS)}, received {cell!r}")
        self.units = units
        self.cell = cell
        self.state_size = units
        self.output_size = units

    def build(self, *_: Any) -> None:
        n = self.units
        # An attention gate takes the place of agru's own, which then has nothing to learn.
        width = 2 * n if self.cell == "agru" else 3 * n
        self.recurrent = self.add_weight(name="recurrent", shape=(n, width), initializer="orthogonal")

    def call(self, inputs: Any, states: Any, training: bool | None = None) -> tuple[Any, list[Any]]:
        """states: the one state [B, n]; inputs: the projected input [B, 3 n] (agru: [B, 2 n]) and, last, `beside`."""
        (state,) = states if isinstance(states, list | tuple) else (states,)
        count = self.recurrent.shape[1]
        projected, first, last = inputs[:, :count], inputs[:, count : count + 1], inputs[:, -1:]
        own = ops.matmul(state, ops.cast(self.recurrent, state.dtype))
        *gates, candidate = ops.split(projected, projected.shape[-1] // self.units, axis=-1)
        *own_gates, own_candidate = ops.split(own, own.shape[-1] // self.units, axis=-1)
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
    def beside(cell: str, attention: Any, there: Any) -> list[Any]:
        """What a cell is told beside its input: columns [B, T, 1] of attention, and of 1 where there is a behaviour.

        Attention is 0 where there is none.
        """
        return {"aigru": [there], "augru_released": [attention, there]}.get(cell, [attention])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "cell": self.cell}


@keras.saving.register_keras_serializable(package="interestflow")
class InterestEvolution(keras.layers.Layer):
    """The last state of `EvolutionCell` over valid steps; zeros where there are none.

    The products of all inputs are made at once; what is left for each step is the state's own. A step without a
    behaviour leaves the state as it is because its share is 0, which costs less than Keras's masking of every step.
    TensorFlow trains it by `gated_recurrence`, in half the time on a CPU.

    Args:
        units: see `EvolutionCell`, as is the next.
        cell: see there.
    """

    def __init__(self, units: int, cell: str = "augru", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.cell = cell
        self.supports_masking = True
        width = 2 * units if cell == "agru" else 3 * units
        self.projection = keras.layers.Dense(width, name="projection")
        self.steps = keras.layers.RNN(EvolutionCell(units, cell, name="cell"), name="steps")

    def build(self, inputs_shape: Any, *_: Any) -> None:
        self.projection.build(inputs_shape)
        beside = len(EvolutionCell.beside(self.cell, None, None))
        self.steps.build((*inputs_shape[:-1], self.projection.units + beside))

    def call(self, inputs: Any, attention: Any, mask: Any, training: bool | None = None) -> Any:
        """[B, units] from inputs [B, T, d], attention [B, T] and the mask [B, T]."""
        there = ops.expand_dims(ops.cast(mask, inputs.dtype), -1)
        attention = there * ops.expand_dims(ops.cast(attention, inputs.dtype), -1)
        if self.cell == "aigru":
            inputs = attention * inputs
        if not training or keras.backend.backend() != "tensorflow":
            return self.by_the_cell(inputs, attention, there)
        from interestflow.models.layers.sequence.gated_recurrence import gated_recurrence

        weights = (self.projection.kernel, self.projection.bias, self.steps.cell.recurrent)
        kernel, bias, recurrent = (ops.cast(weight, inputs.dtype) for weight in weights)
        base, slope = self._share(attention, there)
        return gated_recurrence(inputs, kernel, bias, recurrent, base=base, slope=slope)

    def by_the_cell(self, inputs: Any, attention: Any, there: Any) -> Any:
        """The same through Keras's loop over `EvolutionCell`; attention and `there` are [B, T, 1]."""
        beside = EvolutionCell.beside(self.cell, attention, there)
        return self.steps(ops.concatenate([self.projection(inputs), *beside], axis=-1))

    def _share(self, attention: Any, there: Any) -> tuple[Any, Any]:
        """`EvolutionCell`'s share of the state as `base + slope * z`; None as of `gated_recurrence`."""
        if self.cell == "agru":
            return attention, None
        if self.cell == "augru_released":
            return there, there * (attention - 1.0)
        return None, there if self.cell == "aigru" else attention

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """What comes out has no history axis for Keras to carry the mask along."""

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "cell": self.cell}
