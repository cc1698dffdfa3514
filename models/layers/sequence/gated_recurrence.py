"""Gated recurrent unit with a hand-written backward pass, for training with TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import tensorflow as tf

from interestflow.models.tensor import Tensor

Tensors: TypeAlias = dict[str, Tensor]
"""Tensors by name."""


def gated_recurrence(
    inputs: Tensor,
    kernel: Tensor,
    bias: Tensor,
    recurrent: Tensor,
    recurrent_bias: Tensor | None = None,
    base: Tensor | None = None,
    slope: Tensor | None = None,
    return_sequences: bool = False,
) -> Tensor:
    """Compute the states of a gated recurrent unit. Each step of the input `x` renews a share of the state:

        z = sigmoid(W_z x + b_z + U_z h),  r = sigmoid(W_r x + b_r + U_r h),  c = tanh(W_c x + b_c + r * (U_c h + d))
        share = base + slope * z
        h <- h + share * (c - h)

    The first state is zero. Weights of the gates are concatenated in this order. Weights of two are those of `r` and
    `c`: there is no `z`, and the share is the base. Automatic differentiation of Keras's layers takes twice the time on
    a CPU, as it stores values and adds gradients that are not needed. Besides, rows are processed in two halves, so
    that two cores work on their chains of small operations. For inference, with few rows and no gradient, Keras's
    layers are as fast.

    Args:
        inputs: [B, T, d].
        kernel: `W`, [d, 3 n], or [d, 2 n] without `z`.
        bias: `b`, [3 n] or [2 n].
        recurrent: `U`, [n, 3 n] or [n, 2 n].
        recurrent_bias: `d`, [n]; without it, zero.
        base: [B, T, 1]; without it, zero. Required without `z`.
        slope: [B, T, 1]; without it, one. Not to be given without `z`.
        return_sequences: whether to return all states.

    Returns:
        The last state [B, n], or all [B, T, n].
    """
    count = recurrent.shape[1] // recurrent.shape[0]
    units = ("update", "reset", "new")[-count:]
    shares = {name: value for name, value in (("base", base), ("slope", slope)) if value is not None}
    weights = dict(zip((f"recurrent_{unit}" for unit in units), tf.split(recurrent, count, axis=1), strict=True))
    weights |= {} if recurrent_bias is None else {"bias": recurrent_bias}
    kernels, biases = tf.split(kernel, count, axis=1), tf.split(bias, count)

    def compute(inputs: Tensor, *row_shares: Tensor) -> Tensor:
        inputs, *step_shares = (tf.transpose(value, (1, 0, 2)) for value in (inputs, *row_shares))
        step_inputs = {
            unit: _project(inputs, unit_kernel, unit_bias)
            for unit, unit_kernel, unit_bias in zip(units, kernels, biases, strict=True)
        }
        states = _recurrence(step_inputs | dict(zip(shares, step_shares, strict=True)), weights, return_sequences)
        return tf.transpose(states, (1, 0, 2)) if return_sequences else states

    return _map_halves(compute, inputs, *shares.values())


def _project(inputs: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """Project inputs [T, B, d] of all steps at once: [T, B, n]."""
    flat = tf.matmul(tf.reshape(inputs, (-1, inputs.shape[-1])), kernel)
    return tf.reshape(flat + bias, (*tf.unstack(tf.shape(inputs)[:2]), kernel.shape[-1]))


def _map_halves(compute: Callable[..., Tensor], *values: Tensor) -> Tensor:
    """Apply `compute` to each half of the rows, and concatenate the results."""
    rows = tf.shape(values[0])[0]
    halves = zip(*(tf.split(value, (rows // 2, rows - rows // 2), num=2) for value in values), strict=True)
    return tf.concat([compute(*half) for half in halves], axis=0)


def _recurrence(step_inputs: Tensors, weights: Tensors, return_sequences: bool) -> Tensor:
    """Compute `_forward`, whose gradient is `_backward`."""

    @tf.custom_gradient
    def recurrence(*values: Tensor) -> tuple[Tensor, Callable[[Tensor], list[Tensor]]]:
        arguments = dict(zip((*step_inputs, *weights), values, strict=True))
        steps, parameters = {name: arguments[name] for name in step_inputs}, {name: arguments[name] for name in weights}
        result, record = _forward(steps, parameters, return_sequences)

        def gradient(upstream: Tensor) -> list[Tensor]:
            return _backward(steps, parameters, record, upstream, return_sequences)

        return result, gradient

    return recurrence(*step_inputs.values(), *weights.values())


def _forward(
    step_inputs: Tensors, weights: Tensors, return_sequences: bool
) -> tuple[Tensor, dict[str, tf.TensorArray]]:
    """Compute the states, and record what `_backward` needs of each step.

    These are the state before the step, the gates, `U_c h + d` and `c`.

    Args:
        step_inputs: [T, B, ...] each: projected inputs of each gate, `base` and `slope`.
        weights: recurrent weights: `recurrent_update`, ... [n, n] and `bias`.
        return_sequences: see `gated_recurrence`.
    """
    steps = tf.shape(step_inputs["new"])[0]
    start = tf.zeros_like(step_inputs["new"][0])
    gates = _gates(step_inputs)
    record = {name: _array(steps, start) for name in (*gates, "own", "new")}
    record["before"] = _array(steps + 1, start).write(0, start)

    def step(
        time: Tensor, state: Tensor, record: dict[str, tf.TensorArray]
    ) -> tuple[Tensor, Tensor, dict[str, tf.TensorArray]]:
        now = _at(step_inputs, time)
        values = {gate: tf.sigmoid(now[gate] + tf.matmul(state, weights[f"recurrent_{gate}"])) for gate in gates}
        values["own"] = tf.matmul(state, weights["recurrent_new"])
        if "bias" in weights:
            values["own"] = tf.nn.bias_add(values["own"], weights["bias"])
        values["new"] = tf.tanh(now["new"] + values["reset"] * values["own"])
        state = state + _share(values, now) * (values["new"] - state)
        before = {"before": record["before"].write(time + 1, state)}
        return time + 1, state, {name: record[name].write(time, value) for name, value in values.items()} | before

    _, state, record = tf.while_loop(lambda time, *_: time < steps, step, (0, start, record))
    return record["before"].stack()[1:] if return_sequences else state, record


def _backward(
    step_inputs: Tensors, weights: Tensors, record: dict[str, tf.TensorArray], upstream: Tensor, return_sequences: bool
) -> list[Tensor]:
    """Compute the gradients of `step_inputs` and `weights`, the latter summed in float32."""
    steps = tf.shape(step_inputs["new"])[0]
    gates = _gates(step_inputs)
    transposed = {unit: tf.transpose(weights[f"recurrent_{unit}"]) for unit in (*gates, "new")}

    def step(
        time: Tensor, d_state: Tensor, d_steps: dict[str, tf.TensorArray], d_weights: Tensors
    ) -> tuple[Tensor, Tensor, dict[str, tf.TensorArray], Tensors]:
        now, values = _at(step_inputs, time), {name: array.read(time) for name, array in record.items()}
        if return_sequences:
            d_state += _at({"state": upstream}, time)["state"]
        before, share = values["before"], _share(values, now)
        d_share = d_state * (values["new"] - before)
        passed = d_state * share
        d_inputs = {"new": tf.raw_ops.TanhGrad(y=values["new"], dy=passed)}
        d_inputs["reset"] = d_inputs["new"] * values["own"]
        if "update" in step_inputs:
            d_inputs["update"] = d_share * now["slope"] if "slope" in now else d_share
        for gate in gates:
            d_inputs[gate] = tf.raw_ops.SigmoidGrad(y=values[gate], dy=d_inputs[gate])
        if "base" in step_inputs:
            d_inputs["base"] = tf.reduce_sum(d_share, axis=-1, keepdims=True)
        if "slope" in step_inputs:
            d_inputs["slope"] = tf.reduce_sum(d_share * values["update"], axis=-1, keepdims=True)
        d_own = {**d_inputs, "new": d_inputs["new"] * values["reset"]}
        added = {f"recurrent_{unit}": tf.matmul(before, d_own[unit], transpose_a=True) for unit in (*gates, "new")}
        if "bias" in weights:
            added["bias"] = tf.reduce_sum(d_own["new"], axis=0)
        d_state = tf.add_n([d_state - passed, *(tf.matmul(d_own[unit], weight) for unit, weight in transposed.items())])
        d_weights = {name: total + tf.cast(added[name], total.dtype) for name, total in d_weights.items()}
        return time - 1, d_state, {name: d_steps[name].write(time, d_inputs[name]) for name in step_inputs}, d_weights

    _, _, d_steps, d_weights = tf.while_loop(
        lambda time, *_: time >= 0,
        step,
        (
            steps - 1,
            tf.zeros_like(upstream[0]) if return_sequences else upstream,
            {name: _array(steps, value[0]) for name, value in step_inputs.items()},
            {name: tf.zeros(value.shape) for name, value in weights.items()},
        ),
    )
    return [d_steps[name].stack() for name in step_inputs] + [
        tf.cast(d_weights[name], value.dtype) for name, value in weights.items()
    ]


def _gates(step_inputs: Tensors) -> list[str]:
    return [unit for unit in ("update", "reset") if unit in step_inputs]


def _array(steps: Tensor, like: Tensor) -> tf.TensorArray:
    return tf.TensorArray(like.dtype, steps, element_shape=like.shape, clear_after_read=False)


def _at(step_inputs: Tensors, time: Tensor) -> Tensors:
    """Return one step of each tensor, without the copy that a `TensorArray` built from the tensor would make."""
    begin = tf.reshape(time, (1,))
    return {name: tf.strided_slice(value, begin, begin + 1, shrink_axis_mask=1) for name, value in step_inputs.items()}


def _share(values: Tensors, now: Tensors) -> Tensor:
    if "update" not in values:
        return now["base"]
    share = now["slope"] * values["update"] if "slope" in now else values["update"]
    return now["base"] + share if "base" in now else share
