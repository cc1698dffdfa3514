"""Weights that our DIN shares with the programs it is compared with, and the losses of its first steps."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from benchmarks.support.din_weights import make_weights
from interestflow.models.rankers.din import DIN


def assign_shared_weights(model: DIN, items: int) -> None:
    """Give a built DIN of `synthetic_inputs` the weights of `make_weights`; Dice's begin as they are."""
    weights = make_weights(items)
    encoder, attention, head = model.encoder, model.activation_unit, model.head
    context = encoder.context.user_table
    assert context is not None
    assert head.item_bias is not None
    variables: dict[str, keras.Variable] = {
        "item": encoder.items.items.table,
        "category": encoder.items.attributes[0].table,
        "user": context.table,
        "item_bias": head.item_bias.table,
        "attention_0_kernel": attention.kernel,
        "attention_0_bias": attention.bias,
    }
    dense = {
        "interest": model.interest,
        "attention_1": attention.hidden[0],
        "attention_2": attention.last,
        "tower_0": head.tower.dense[0],
        "tower_1": head.tower.dense[1],
        "tower_2": head.score,
    }
    for name, layer in dense.items():
        variables |= {f"{name}_kernel": layer.kernel, f"{name}_bias": layer.bias}
    if set(variables) != set(weights):
        raise ValueError(f"weights should be {sorted(variables)}, received {sorted(weights)}")
    for name, variable in variables.items():
        variable.assign(weights[name])


def first_losses(
    model: keras.Model, batches: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray], steps: int
) -> list[float]:
    """Train a compiled model on the first batches and return the loss of each step."""
    losses = []
    for step in range(steps):
        model.reset_metrics()
        features, targets = ({name: value[step] for name, value in part.items()} for part in (batches, labels))
        losses.append(float(model.train_on_batch(features, targets)))
    return losses
