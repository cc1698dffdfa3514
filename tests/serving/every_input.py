"""A ranker for the tests of serving, whose scores depend on every input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest
from keras import ops
from tensorflow_transform.output_wrapper import TFTransformOutput

from interestflow.models.inputs import ModelInputs
from interestflow.models.rankers.base import Ranker
from interestflow.models.rankers.pooled_spec import PooledHyperparameters
from interestflow.serving.description import Description
from interestflow.serving.export.ranker import RankerModule
from tests.serving import transformed
from tests.serving.shared_folders import shared_folder

LENGTHS = {
    **dict.fromkeys(("history_item", "history_category", "history_age"), transformed.LENGTH),
    "tags": transformed.TAGS,
}
PROVENANCE = {"fingerprint": "abc", "name": "größe"}


class EveryInput(Ranker):
    """A ranker that reads all of its inputs, so that any that is wrong shows; weights as they are made."""

    Hyperparameters = PooledHyperparameters

    def __init__(self, inputs: ModelInputs) -> None:
        super().__init__(inputs, PooledHyperparameters())
        rows = {"item": inputs.item_rows, "age": inputs.history_age_buckets}
        rows |= {category.name: category.rows for category in inputs.categorical}
        self.tables = {
            name: keras.layers.Embedding(size, 3, embeddings_initializer="random_normal") for name, size in rows.items()
        }
        self.hidden = keras.layers.Dense(7, activation="tanh", bias_initializer="random_normal")
        self.head = keras.layers.Dense(1)

    def encode_user(self, features: dict[str, Any], training: bool | None = None) -> Any:
        mask = ops.cast(features["history_item"] > 0, "float32")[..., None]
        order = ops.arange(1.0, mask.shape[1] + 1.0)[None, :, None]
        past = [
            ops.sum(self.tables[name](features[f"history_{name}"]) * mask * order, axis=1)
            for name in ("item", "category", "age")
        ]
        return ops.concatenate(past, axis=-1)

    def score_candidates(self, user: Any, features: dict[str, Any], training: bool | None = None) -> dict[str, Any]:
        target = [self.tables[name](features[name]) for name in ("item", "category")]
        tags = ops.sum(self.tables["tags"](features["tags"]), axis=1)
        vector = ops.concatenate([user, *target, tags, features["price"][:, None]], axis=-1)
        return self.to_logits(10.0 * self.head(self.hidden(vector)))


def build_shop(transform_output: TFTransformOutput) -> RankerModule:
    """Return the model `shop`, which has the same weights whenever it is built."""
    keras.utils.set_random_seed(1)
    inputs = transformed.inputs(transform_output)
    description = Description(LENGTHS, (4, 8), 5, ("item", "user"))
    return RankerModule(EveryInput(inputs), transform_output, transformed.RAW_SPEC, inputs, description)


def shared_shop(factory: pytest.TempPathFactory, transform_output: TFTransformOutput) -> Path:
    """Return the base folder of the exported model `shop`, whose version 1 nobody may change."""

    def save(folder: Path) -> None:
        build_shop(transform_output).save(str(folder / "1"), PROVENANCE, ("click",), consume=True)

    return shared_folder(factory, "shop", save)
