"""A gated recurrent unit with a backward pass of its own, for training with TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def gated_recurrence(
    inputs: Any,
    kernel: Any,
    bias: Any,
    recurrent: Any,
    recurrent_bias: Any | None = None,
    base: Any | None = None,
    slope: Any | None = None,
    return_sequences: bool = False,
) -> Any:
    """States from zero on, where a step of the input `x` renews a share of the state:

        z = sigmoid(W_z x + b_z + U_z h),  r = sigmoid(W_r x + b_r + U_r h),  c = tanh(W_c x + b_c + r * (U_c h + d))
        share = base + slope * z
        h <- h + share * (c - h)

    The units' weights lie side by side in this order. Those of two alone are of `r` and `c`: no `z`, the share is the
    base. Keras's layers differentiated by TensorFlow take twice the time on a CPU, for values kept and gradients added
    that this does without. The rows are two halves besides, whose chains of small operations two cores work on at once.
    For a request, which is few rows and no gradient, Keras's layers are as fast.

    Args:
        inputs: [B, T, d].
        kernel: `W`, [d, 3 n], or [d, 2 n] without `z`.
        bias: `b`, [3 n] or [2 n].
        recurrent: `U`, [n, 3 n] or [n, 2 n].
        recurrent_bias: `d`, [n]; None: zero.
        base: [B, T, 1]; None: zero. Needed without `z`.
        slope: [B, T, 1]; None: one. There should be none without `z`.
        return_sequences: whether all states are wanted.

    Returns:
        The last state [B, n], or all [B, T, n].
    """
    count = recurrent.shape[1] // recurrent.shape[0]
    units = ("update", "reset", "new")[-count:]
    shares = {name: value for name, value in (("base", base), ("slope", slope)) if value is not None}
    weights = {f"of_{unit}": each for unit, each in zip(units, tf.split(recurrent, count, axis=1), strict=True)}
    weights |= {} if recurrent_bias is None else {"bias": recurrent_bias}
    kernels, biases = tf.split(kernel, count, axis=1), tf.split(bias, count)

    def compute(inputs: Any, *shares_of_rows: Any) -> Any:
        inputs, *of_rows = (tf.transpose(value, (1, 0, 2)) for value in (inputs, *shares_of_rows))
        along = {unit: _project(inputs, *each) for unit, *each in zip(units, kernels, biases, strict=True)}
        states = _differentiated(along | dict(zip(shares, of_rows, strict=True)), weights, return_sequences)
        return tf.transpose(states, (1, 0, 2)) if return_sequences else states

    return _in_halves(compute, inputs, *shares.values())


def _project(inputs: Any, kernel: Any, bias: Any) -> Any:
    flat = tf.matmul(tf.reshape(inputs, (-1, inputs.shape[-1])), kernel)
    return tf.reshape(flat + bias, (*tf.unstack(tf.shape(inputs)[:2]), kernel.shape[-1]))


def _in_halves(compute: Callable[..., Any], *values: Any) -> Any:
    rows = tf.shape(values[0])[0]
    halves = zip(*(tf.split(value, (rows // 2, rows - rows // 2), num=2) for value in values), strict=True)
    return tf.concat([compute(*half) for half in halves], axis=0)


def _differentiated(along: dict[str, Any], weights: dict[str, Any], return_sequences: bool) -> Any:
    """`_forward`, whose gradient is `_backward`."""

    @tf.custom_gradient
    def recurrence(*values: Any) -> Any:
        given = dict(zip((*along, *weights), values, strict=True))
        here, of_these = {name: given[name] for name in along}, {name: given[name] for name in weights}
        result, kept = _forward(here, of_these, return_sequences)

        def gradient(upstream: Any) -> list[Any]:
            return _backward(here, of_these, kept, upstream, return_sequences)

        return result, gradient

    return recurrence(*along.values(), *weights.values())


def _forward(along: dict[str, Any], weights: dict[str, Any], return_sequences: bool) -> tuple[Any, dict[str, Any]]:
    """The states, and what `_backward` needs of every step: the state before it, the gates, `U_c h + d` and `c`.

    Args:
        along: [T, B, ...]: projected inputs of each unit, `base` and `slope`.
        weights: those of the state: `of_update`, ... [n, n] and `bias`.
        return_sequences: see `gated_recurrence`.
    """
    steps = tf.shape(along["new"])[0]
    start = tf.zeros_like(along["new"][0])
    gates = _gates(along)
    kept = {name: _array(steps, start) for name in (*gates, "own", "new")}
    kept["before"] = _array(steps + 1, start).write(0, start)

    def step(time: Any, state: Any, kept: dict[str, Any]) -> Any:
        now = _at(along, time)
        found = {gate: tf.sigmoid(now[gate] + tf.matmul(state, weights[f"of_{gate}"])) for gate in gates}
        found["own"] = tf.matmul(state, weights["of_new"])
        if "bias" in weights:
            found["own"] = tf.nn.bias_add(found["own"], weights["bias"])
        found["new"] = tf.tanh(now["new"] + found["reset"] * found["own"])
        state = state + _share(found, now) * (found["new"] - state)
        after = {"before": kept["before"].write(time + 1, state)}
        return time + 1, state, {name: kept[name].write(time, value) for name, value in found.items()} | after

    _, state, kept = tf.while_loop(lambda time, *_: time < steps, step, (0, start, kept))
    return kept["before"].stack()[1:] if return_sequences else state, kept


def _backward(
    along: dict[str, Any], weights: dict[str, Any], kept: dict[str, Any], upstream: Any, return_sequences: bool
) -> list[Any]:
    """The gradients of all that is `along`, and of the `weights`, which are added up in float32."""
    steps = tf.shape(along["new"])[0]
    gates = _gates(along)
    transposed = {unit: tf.transpose(weights[f"of_{unit}"]) for unit in (*gates, "new")}

    def step(time: Any, d_state: Any, of_along: dict[str, Any], of_weights: dict[str, Any]) -> Any:
        now, found = _at(along, time), {name: array.read(time) for name, array in kept.items()}
        if return_sequences:
            d_state += _at({"state": upstream}, time)["state"]
        before, share = found["before"], _share(found, now)
        d_share = d_state * (found["new"] - before)
        passed = d_state * share
        d_along = {"new": tf.raw_ops.TanhGrad(y=found["new"], dy=passed)}
        d_along["reset"] = d_along["new"] * found["own"]
        if "update" in along:
            d_along["update"] = d_share * now["slope"] if "slope" in now else d_share
        for gate in gates:
            d_along[gate] = tf.raw_ops.SigmoidGrad(y=found[gate], dy=d_along[gate])
        if "base" in along:
            d_along["base"] = tf.reduce_sum(d_share, axis=-1, keepdims=True)
        if "slope" in along:
            d_along["slope"] = tf.reduce_sum(d_share * found["update"], axis=-1, keepdims=True)
        d_own = {**d_along, "new": d_along["new"] * found["reset"]}
        added = {f"of_{unit}": tf.matmul(before, d_own[unit], transpose_a=True) for unit in (*gates, "new")}
        if "bias" in weights:
            added["bias"] = tf.reduce_sum(d_own["new"], axis=0)
        d_state = tf.add_n([d_state - passed, *(tf.matmul(d_own[unit], each) for unit, each in transposed.items())])
        of_weights = {name: total + tf.cast(added[name], total.dtype) for name, total in of_weights.items()}
        return time - 1, d_state, {name: of_along[name].write(time, d_along[name]) for name in along}, of_weights

    _, _, of_along, of_weights = tf.while_loop(
        lambda time, *_: time >= 0,
        step,
        (
            steps - 1,
            tf.zeros_like(upstream[0]) if return_sequences else upstream,
            {name: _array(steps, value[0]) for name, value in along.items()},
            {name: tf.zeros(value.shape) for name, value in weights.items()},
        ),
    )
    return [of_along[name].stack() for name in along] + [
        tf.cast(of_weights[name], value.dtype) for name, value in weights.items()
    ]


def _gates(along: dict[str, Any]) -> list[str]:
    return [unit for unit in ("update", "reset") if unit in along]


def _array(steps: Any, like: Any) -> Any:
    return tf.TensorArray(like.dtype, steps, element_shape=like.shape, clear_after_read=False)


def _at(along: dict[str, Any], time: Any) -> dict[str, Any]:
    """One step of each. Such a part of a tensor is no copy; one of a `TensorArray` made of the tensor would be."""
    begin = tf.reshape(time, (1,))
    return {name: tf.strided_slice(value, begin, begin + 1, shrink_axis_mask=1) for name, value in along.items()}


def _share(found: dict[str, Any], now: dict[str, Any]) -> Any:
    if "update" not in found:
        return now["base"]
    share = now["slope"] * found["update"] if "slope" in now else found["update"]
    return now["base"] + share if "base" in now else share
