"""Every registered model with random weights: the module to export, inputs for each signature, and Keras's outputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_transform.output_wrapper import TFTransformOutput

from interestflow.models.catalogue import Catalogue
from interestflow.models.graphs.collaborative_graph import CollaborativeGraph, KnowledgeGraph
from interestflow.models.inputs import ModelInputs
from interestflow.models.registry import build_matcher, build_ranker
from interestflow.models.registry import spec as model_spec
from interestflow.serving.description import Description
from interestflow.serving.export.matcher import IndexedItems, MatcherModule
from interestflow.serving.export.ranker import RankerModule
from tests.serving import transformed
from tests.serving.shared_folders import shared_folder

SMALL = {
    "embedding_dimension": 4, "tower_units": (8,), "layer_units": (4,), "relation_dimension": 3, "interests": 2,
    "denoising_steps": 2,
}  # fmt: skip
"""Of these, a model is given those that it knows."""
IDS = ["i0", "i1", "i2", "é7", "東京", "i5", "never seen"]
"""All but the last are in the training split; that one is encoded as unknown, by its attributes."""
ROWS: list[dict[str, Any]] = [
    *transformed.rows(),
    {"user": "u0", "item": "i0", "category": "c0", "price": 1.5, "tags": []},  # no history
    {"user": "?", "item": "never seen", "category": "new", "price": 0.0, "tags": ["new"]},
    transformed.rows()[5] | {"history_item": ["i1"] * 9, "history_category": ["c1"] * 9, "history_age": [5] * 9},
]
CANDIDATE = ("item", "category", "price", "tags")
LENGTH = 9
"""Of all padded lists; longer than what the model reads."""


def columns(rows: list[dict[str, Any]], described: bool = False) -> dict[str, np.ndarray]:
    """Return all features of `rows` as the signatures take them, `[N]` and `[N, LENGTH]`.

    With `described`, lists have the lengths of the model's description, and histories their newest steps.
    """
    lengths = {"tags": transformed.TAGS} if described else {}

    def listed(name: str, padding: Any, dtype: Any) -> np.ndarray:
        length = lengths.get(name, transformed.LENGTH if described else LENGTH)
        lists = [list(row.get(name, []))[-length:] for row in rows]
        return np.array([values + [padding] * (length - len(values)) for values in lists], dtype)

    def text(values: list[str]) -> np.ndarray:
        return np.array([value.encode() for value in values], object)

    arrays = {name: text([row.get(name, "") for row in rows]) for name in ("user", "item", "category")}
    for name in ("tags", "history_item", "history_category"):
        arrays[name] = np.char.encode(listed(name, "", str), "utf-8").astype(object)
    arrays["price"] = np.array([row.get("price", np.nan) for row in rows], np.float32)
    arrays["history_age"] = listed("history_age", 0, np.int64)
    return arrays


def transformed_features(output: TFTransformOutput, rows: list[dict[str, Any]]) -> dict[str, tf.Tensor]:
    """Transform `rows` by TF Transform itself, without a signature."""
    raw = transformed.parsed(rows)
    raw["label_click"] = tf.zeros(len(rows))
    return output.transform_raw_features(raw, drop_unused_features=True)


def catalogue_of(inputs: ModelInputs) -> Catalogue:
    tensors = {"item": np.arange(inputs.item_rows)}
    for name in sorted(inputs.candidate_tensors - {"item"}):
        shape, dtype = inputs.tensors()[name]
        tensors[name] = np.ones((inputs.item_rows, *shape), dtype)
    return Catalogue(tensors, np.ones(inputs.item_rows, np.float32))


def randomize(model: Any) -> None:
    """Change the weights as training would: initial weights are nearly the same everywhere."""
    random = np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign(weight.numpy() + random.normal(0.0, 0.4, weight.shape))


class Case:
    """One model: its module to export, the inputs of each signature, and what Keras answers to them."""

    def __init__(self, name: str, output: TFTransformOutput) -> None:
        keras.utils.set_random_seed(1)
        self.name = name
        self.inputs = transformed.inputs(output, with_users=model_spec(name).needs_user_ids)
        arrays = columns(ROWS)
        features = transformed_features(output, ROWS)
        names = [key for key in transformed.RAW_SPEC if key != "user" or model_spec(name).needs_user_ids]
        spec = {key: transformed.RAW_SPEC[key] for key in names}
        self.requests: dict[str, dict[str, np.ndarray]] = {"describe": {"rows": np.zeros(2, np.int32)}}
        self.expected: dict[str, dict[str, np.ndarray]] = {}
        self.requests["serving_default"] = {"examples": np.array(transformed.serialized(ROWS), object)}
        make = self._matcher if model_spec(name).is_matcher else self._ranker
        self.module = make(name, output, spec, {key: arrays[key] for key in names}, features)

    def _ranker(self, name: str, output: Any, spec: Any, arrays: Any, features: Any) -> RankerModule:
        tasks = ("click", "like") if name in ("shared_bottom", "infnet") else ("click",)
        inputs = replace(self.inputs, tasks=tasks)
        ranker = build_ranker(name, inputs, known_values(name))
        randomize(ranker)
        logits = ranker({key: features[key] for key in inputs.tensors()}, training=False)
        scores = {task: tf.sigmoid(logits[task]).numpy() for task in inputs.tasks}
        users, candidates = arrays, {key: arrays[key] for key in CANDIDATE}
        self.requests["predict"] = arrays
        # Each row has its own candidate and that of the row before.
        paired = {key: np.stack([values, np.roll(values, 1, axis=0)], axis=1) for key, values in candidates.items()}
        self.requests["rank"] = {**users, **paired}
        described = {key: values for key, values in columns(ROWS, described=True).items() if key in arrays}
        pairs = {key: np.stack([described[key], np.roll(described[key], 1, axis=0)], axis=1) for key in CANDIDATE}
        self.requests["rank_2"] = {**described, **pairs}
        self.requests["rank_4"] = {
            **described,
            **{key: np.concatenate([values] * 2, 1) for key, values in pairs.items()},
        }
        self.expected = {"serving_default": scores, "predict": scores}
        rolled = {key: np.roll(features[key].numpy(), 1, axis=0) for key in inputs.candidate_tensors}
        rolled_outputs = ranker({key: rolled.get(key, features[key]) for key in inputs.tensors()}, training=False)
        self.expected["rank"] = {
            task: np.stack([scores[task], tf.sigmoid(rolled_outputs[task]).numpy()], axis=1) for task in tasks
        }
        self.expected["rank_2"] = self.expected["rank"]
        self.expected["rank_4"] = {task: np.tile(values, [1, 2]) for task, values in self.expected["rank"].items()}
        return RankerModule(ranker, output, spec, inputs, Description(candidate_sizes=(2, 4), max_rows=3))

    def _matcher(self, name: str, output: Any, spec: Any, arrays: Any, features: Any) -> MatcherModule:
        extra = {"graph": graph_of(self.inputs)} if model_spec(name).needs_graph else {}
        matcher = build_matcher(name, self.inputs, known_values(name), catalogue_of(self.inputs), **extra)
        randomize(matcher)
        matcher.on_epoch_begin(1)
        tensors = {key: features[key] for key in self.inputs.tensors()}
        rows = [{"item": item, "category": f"c{index % 3}", "price": 1.0} for index, item in enumerate(IDS)]
        of_items = transformed_features(output, rows)
        encoded = {key: of_items[key].numpy() for key in self.inputs.candidate_tensors}
        items = IndexedItems.encode(matcher, np.array([item.encode() for item in IDS], object), encoded)
        users = matcher.encode_user(tensors, training=False).numpy()
        vectors = matcher.encode_items(tensors, training=False).numpy()
        score = matcher(tensors, training=False).numpy()
        of_user = {key: values for key, values in arrays.items() if key not in CANDIDATE}
        self.requests["encode_user"] = of_user
        self.requests["encode_items"] = {key: arrays[key] for key in CANDIDATE}
        self.requests["retrieve"] = {**of_user, "k": np.full(len(ROWS), 3, np.int32)}
        self.expected = {
            "serving_default": {"user": users, "item": vectors, "score": score},
            "encode_user": {"user": users},
            "encode_items": {"item": vectors},
            "retrieve": {"scores": best_scores(users, items, ROWS, 3)},
        }
        return MatcherModule(matcher, output, spec, self.inputs, items, Description(max_rows=3))


def known_values(name: str) -> dict[str, Any]:
    fields = model_spec(name).hyperparameters.model_fields
    return {key: value for key, value in SMALL.items() if key in fields}


def graph_of(inputs: ModelInputs) -> CollaborativeGraph:
    """Return a graph in which every user took two items and every item is linked to one of three entities."""
    count = inputs.item_rows - 1
    items, entities = np.arange(count), count + np.arange(count) % 3
    knowledge = KnowledgeGraph(
        heads=np.concatenate([items, entities]),
        relations=np.repeat([0, 1], count),
        tails=np.concatenate([entities, items]),
        entity_count=count + 3,
        relation_count=2,
        item_entities=np.arange(inputs.item_rows) - 1,
    )
    users = np.repeat(np.arange(1, inputs.user_rows), 2)
    return CollaborativeGraph.from_interactions(inputs.user_rows, users, 1 + np.arange(len(users)) % count, knowledge)


def best_scores(users: np.ndarray, items: IndexedItems, rows: list[dict[str, Any]], count: int) -> np.ndarray:
    """Return the `count` highest scores of items that are not in a row's history; 0 where there are fewer."""
    best = np.zeros((len(rows), count), np.float32)
    for index, row in enumerate(rows):
        history_items = {item.encode() for item in row.get("history_item", [])}
        scores = (users[index] @ items.vectors.T).max(axis=0)
        left = np.sort(scores[[item not in history_items for item in items.ids]])[::-1][:count]
        best[index, : len(left)] = left
    return best


@dataclass(frozen=True)
class ExportedModel:
    """A model in a folder that nobody may change, with its requests and the outputs of Keras for them.

    Attributes:
        folder: folder of the SavedModel.
        requests: inputs of each signature, by the signature's name.
        expected: outputs of Keras for them, by the signature's name.
    """

    folder: Path
    requests: dict[str, dict[str, np.ndarray]]
    expected: dict[str, dict[str, np.ndarray]]


class ExportedModels:
    """The registered models by name, each exported once for all tests of a run."""

    def __init__(self, output: TFTransformOutput, factory: pytest.TempPathFactory) -> None:
        self._output, self._factory = output, factory

    def folder(self, name: str) -> Path:
        """Return the folder that `write_case` has written for the model `name`."""
        return shared_folder(
            self._factory, f"exported_{name}", lambda folder: write_case(Case(name, self._output), folder)
        )

    def get(self, name: str) -> ExportedModel:
        """Return the model `name`."""
        folder = self.folder(name)
        return ExportedModel(folder / "model", read_arrays(folder / "requests"), read_arrays(folder / "expected"))


def write_case(case: Case, folder: Path) -> None:
    """Write the SavedModel of `case` to `model`, and the arrays of each signature to `requests` and `expected`."""
    case.module.save(str(folder / "model"), {"name": case.name, "model": {"name": case.name}}, case.inputs.tasks)
    for kind, signatures in (("requests", case.requests), ("expected", case.expected)):
        (folder / kind).mkdir()
        for signature, arrays in signatures.items():
            np.savez(folder / kind / f"{signature}.npz", **arrays)


def read_arrays(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """Return the arrays by name, of each signature that has a file in `folder`."""
    signatures = {}
    for file in sorted(folder.glob("*.npz")):
        arrays = np.load(file, allow_pickle=True)
        signatures[file.stem] = {name: arrays[name] for name in arrays.files}
    return signatures
