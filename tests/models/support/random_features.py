"""Inputs of several kinds and random features for them, for the tests of models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from interestflow.models.catalogue import Catalogue
from interestflow.models.graphs.collaborative_graph import CollaborativeGraph, KnowledgeGraph
from interestflow.models.inputs import CategoricalInput, ModelInputs, NumericInput, QuotientRemainder

PLAIN = ModelInputs(tasks=("click",), item_rows=21, history_length=6, history_age_buckets=8)

RICH = ModelInputs(
    tasks=("click", "like"),
    masked_tasks=("like",),
    item_rows=21,
    history_length=6,
    history_age_buckets=8,
    user_rows=9,
    categorical=(
        CategoricalInput("category", 6, "item", None, True, True),
        CategoricalInput("tags", 7, "item", 3, True, True),
        CategoricalInput("rating", 6, "event", None, False, True),
        CategoricalInput("reasons", 5, "event", 2, False, True),
        CategoricalInput("device", 4, "event", None, True, True),
        CategoricalInput("groups", 5, "user", 2, True, False),
    ),
    numeric=(NumericInput("price", "item"), NumericInput("hour", "event")),
)


COMPACT = replace(
    RICH,
    item_layout=QuotientRemainder(5),
    user_layout=QuotientRemainder(2, "sum"),
    categorical=tuple(replace(category, layout=QuotientRemainder(3)) for category in RICH.categorical),
)
"""The same, of which no table has a row for every id."""


def make_features(inputs: ModelInputs, count: int, seed: int = 1, full: bool = False) -> dict[str, np.ndarray]:
    """Return features [count, ...] by name. Histories have every length from zero up, or with `full` all steps.

    Ids are from 1; among the values of a list the last may be missing.
    """
    random = np.random.default_rng(seed)
    rows = inputs.rows()
    lengths = np.arange(count) % (inputs.history_length + 1)
    valid = np.arange(inputs.history_length) < (inputs.history_length if full else lengths[:, None])
    valid = np.broadcast_to(valid, (count, inputs.history_length))
    features: dict[str, np.ndarray] = {}
    for name, (shape, dtype) in inputs.tensors().items():
        if dtype == "float32":
            features[name] = random.normal(size=(count, *shape)).astype(np.float32)
            continue
        ids = random.integers(1, rows[name], (count, *shape))
        is_history = name.startswith("history_")
        if len(shape) > int(is_history):
            ids[..., -1] *= random.integers(0, 2, ids.shape[:-1])
        features[name] = ids * valid.reshape(valid.shape + (1,) * (ids.ndim - 2)) if is_history else ids
    return features


def with_longer_padding(features: dict[str, np.ndarray], steps: int) -> dict[str, np.ndarray]:
    """Return the features with `steps` more steps of padding after each history."""
    return {
        name: np.pad(values, [(0, 0), (0, steps)] + [(0, 0)] * (values.ndim - 2))
        if name.startswith("history_")
        else values
        for name, values in features.items()
    }


def without_history(features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the features with empty histories."""
    return {name: np.zeros_like(values) if name.startswith("history_") else values for name, values in features.items()}


def make_labels(inputs: ModelInputs, count: int, seed: int = 2) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return random labels by task, and masks by masked task that exclude some labels: float32 [count]."""
    random = np.random.default_rng(seed)
    labels = {task: random.integers(0, 2, count).astype(np.float32) for task in inputs.tasks}
    return labels, {task: random.integers(0, 2, count).astype(np.float32) for task in inputs.masked_tasks}


def make_catalogue(inputs: ModelInputs, seed: int = 3) -> Catalogue:
    """Return a catalogue with random attributes and counts of 1 to 9; the count of padding is 0."""
    features = make_features(inputs, inputs.item_rows, seed)
    tensors = {name: features[name] for name in inputs.candidate_tensors} | {"item": np.arange(inputs.item_rows)}
    counts = np.random.default_rng(seed).integers(1, 10, inputs.item_rows).astype(np.float32)
    counts[0] = 0.0
    return Catalogue(tensors, counts)


def random_graph(inputs: ModelInputs) -> CollaborativeGraph:
    """Return a graph in which every item is linked to one of three entities and every user took two items."""
    items = np.arange(inputs.item_rows - 1)
    entities = inputs.item_rows - 1 + items % 3
    knowledge = KnowledgeGraph(
        heads=np.concatenate([items, entities]),
        relations=np.repeat([0, 1], len(items)),
        tails=np.concatenate([entities, items]),
        entity_count=inputs.item_rows + 2,
        relation_count=2,
        item_entities=np.arange(inputs.item_rows) - 1,
    )
    users = np.repeat(np.arange(1, inputs.user_rows), 2)
    return CollaborativeGraph.from_interactions(inputs.user_rows, users, 1 + users % (inputs.item_rows - 1), knowledge)


def move_weights(model: Any, scale: float = 0.3, seed: int = 1) -> None:
    """Randomize weights as training would: initial vectors are tiny, so outputs are nearly equal everywhere."""
    random = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        weight.assign(weight.numpy() + random.normal(0.0, scale, weight.shape))
