"""Tests of a model's inputs, derived from configuration and transform, and of statistics over training examples."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_transform as tft

from interestflow.models.inputs import CategoricalInput, ModelInputs, NumericInput, QuotientRemainder
from interestflow.models.model_config import parse_model
from interestflow.models.training_config import EmbeddingConfig
from interestflow.pipeline.config import PipelineConfig
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.example_layout import ExampleLayout, model_column
from interestflow.pipeline.training.model_inputs import (
    LayoutError,
    always_given,
    describe_inputs,
    item_counts,
    out_of_vocabulary,
)
from interestflow.transforms.config import IngestionConfig
from tests.pipeline.support import training_examples
from tests.transforms.transform_graph import configuration, learn

SHOP = configuration(
    tasks=[
        {"name": "click", "label": {"column": "click"}},
        {"name": "like", "label": {"column": "like"}, "mask": {"column": "click"}},
    ],
    features={
        "user": {"in_model": True, "out_of_vocabulary_buckets": 2},
        "item": {"out_of_vocabulary_buckets": 3},
        "attributes": [
            {"name": "category", "from": "items", "use": ["target", "history"]},
            {"name": "tags", "from": "items", "kind": "categorical_list", "max_values": 2, "hash_buckets": 9},
            {"name": "rating", "from": "events", "use": ["history"]},
            {"name": "year", "from": "items", "kind": "numeric", "boundaries": [1990, 2000]},
            {"name": "age", "from": "users", "kind": "numeric", "quantiles": 4},
            {"name": "price", "from": "items", "kind": "numeric"},
        ],
    },
)
ROWS = [
    {"user": "u1", "item": "i1", "category": "drama", "history_item": ["i2"], "history_rating": ["5"]},
    {"user": "u2", "item": "i2", "category": "drama", "age": 30.0, "price": 1.0},
]


def complete_config(config: IngestionConfig) -> PipelineConfig:
    return PipelineConfig.model_validate(config.model_dump(by_alias=True) | {"name": "shop", "model": {"name": "din"}})


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tft.TFTransformOutput:
    return learn(SHOP, ROWS, tmp_path_factory.mktemp("shop") / "graph")


def test_tables_have_rows_for_padding_what_is_known_and_what_is_not(learned: tft.TFTransformOutput) -> None:
    assert describe_inputs(complete_config(SHOP), learned) == ModelInputs(
        tasks=("click", "like"),
        masked_tasks=("like",),
        item_rows=1 + 2 + 3,
        user_rows=1 + 2 + 2,
        history_length=3,
        history_age_buckets=32,
        categorical=(
            CategoricalInput("category", 1 + 1 + 1, "item", None, True, True),
            CategoricalInput("tags", 1 + 9, "item", 2, True, False),
            CategoricalInput("rating", 1 + 1 + 1, "event", None, False, True),
            CategoricalInput("year", 1 + 3, "item", None, True, False),
            CategoricalInput("age", 1 + 4, "user", None, True, False),
        ),
        numeric=(NumericInput("price", "item"),),
    )


def test_tables_have_the_layout_that_is_asked_for(learned: tft.TFTransformOutput) -> None:
    buckets = {"item": 2, "user": 3, "tags": 4, "age": 5}

    def described(buckets: dict[str, int]) -> ModelInputs:
        layouts = {name: EmbeddingConfig(kind="quotient_remainder", buckets=count) for name, count in buckets.items()}
        return describe_inputs(complete_config(SHOP).model_copy(update={"embeddings": layouts}), learned)

    with pytest.raises(LayoutError) as caught:  # the table of `age` has four quantiles and padding
        described(buckets)
    expected = "`embeddings.age.buckets` should be less than the 5 rows that it has with one row an id, received 5"
    assert str(caught.value) == expected
    inputs = described(buckets | {"age": 4})
    assert (inputs.item_layout, inputs.user_layout) == (QuotientRemainder(2), QuotientRemainder(3))
    result = {category.name: category.layout for category in inputs.categorical if category.layout is not None}
    assert result == {"tags": QuotientRemainder(4), "age": QuotientRemainder(4)}


def test_a_user_without_a_table_is_no_input(learned: tft.TFTransformOutput) -> None:
    features = SHOP.features.model_copy(update={"user": SHOP.features.user.model_copy(update={"in_model": False})})
    inputs = describe_inputs(complete_config(SHOP.model_copy(update={"features": features})), learned)
    assert inputs.user_rows is None
    assert "user" not in inputs.tensors()


def test_transformed_examples_are_what_training_reads(learned: tft.TFTransformOutput) -> None:
    inputs = describe_inputs(complete_config(SHOP), learned)
    written = {
        name: model_column(tuple(feature.shape), feature.dtype.name)
        for name, feature in learned.transformed_feature_spec().items()
    }
    read = ExampleLayout.build(inputs).columns
    assert written == read


def test_only_a_model_that_learns_from_drawn_items_reads_them(tmp_path: Path) -> None:
    category = {"name": "category", "from": "items", "use": ["target", "history"]}
    config = configuration(features={"attributes": [category]}, sequence={"max_length": 3, "history_negatives": True})
    learned = learn(config, ROWS, tmp_path / "graph")
    names = {"history_negative_item", "history_negative_category"}
    for model, read in (({"name": "dien"}, names), ({"name": "din"}, set()),
                        ({"name": "dien", "auxiliary_weight": 0.0}, set())):  # fmt: skip
        with_model = complete_config(config).model_copy(update={"model": parse_model(model)})
        inputs = describe_inputs(with_model, learned)
        assert inputs.training_tensors().keys() == read
        assert names - ExampleLayout.build(inputs).columns.keys() == names - read
        assert not names & inputs.tensors().keys()
    assert learned.transformed_feature_spec().keys() >= names


@pytest.mark.parametrize("megabytes", [100, 0], ids=["in memory", "streamed"])
def test_an_item_counts_once_an_example(tmp_path: Path, megabytes: int) -> None:
    rows = training_examples.make_rows(5)
    rows["item"] = np.array([1, 2, 3, 4, 20])
    rows["history_item"] = np.array([[1, 1, 0, 0], [5, 5, 1, 5], [0, 0, 0, 0], [3, 2, 4, 3], [1, 2, 3, 4]])
    split = Split.read([training_examples.write(rows, tmp_path)], training_examples.INPUTS, megabytes)
    expected = np.zeros(21, int)
    # Item 1 is in the first (three times), second and fifth example; and so on.
    expected[[1, 2, 3, 4, 5, 20]] = [3, 3, 3, 2, 1, 1]
    assert item_counts(split).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("category", "item", "price")),
        ({"category": np.array([1, 2, 0, 4])}, ("item", "price")),
        ({"price": np.array([0.5, 1.0, 0.0, 2.0], np.float32)}, ("category", "item")),
        ({"tags": np.zeros((4, 2), int), "history_item": np.zeros((4, 4), int)}, ("category", "item", "price")),
    ],
    ids=["all there", "a category missing once", "a number missing once", "lists may be empty"],
)
def test_features_that_no_training_example_lacks(
    tmp_path: Path, changes: dict[str, Any], expected: tuple[str, ...]
) -> None:
    rows = training_examples.make_rows(4) | changes
    split = Split.read([training_examples.write(rows, tmp_path)], training_examples.INPUTS, 100)
    assert always_given(split) == expected


@pytest.mark.parametrize("use", [["target", "history"], ["history"]])
def test_what_is_out_of_a_limited_vocabulary_is_counted(tmp_path: Path, use: list[str]) -> None:
    """Of 20 items the last three ids are buckets of the unknown, of 5 categories the last; tags have no limit."""
    rows = training_examples.make_rows(4)
    rows["item"] = np.array([1, 17, 18, 20])
    rows["category"] = np.array([5, 0, 4, 1])
    rows["history_category"] = np.array([[5, 5, 1, 0], [5, 0, 0, 0], [0, 0, 0, 0], [1, 2, 0, 0]])
    split = Split.read([training_examples.write(rows, tmp_path)], training_examples.INPUTS, 100)
    category = {"name": "category", "from": "items", "use": use, "vocabulary_size": 4}
    tags = {"name": "tags", "from": "items", "kind": "categorical_list"}
    item = {"min_count": 2, "out_of_vocabulary_buckets": 3}
    config = complete_config(configuration(features={"item": item, "attributes": [category, tags]}))
    categories = (
        {"category": {"values": 3, "unknown": 1}}
        if "target" in use
        else {"history_category": {"values": 6, "unknown": 3}}
    )
    assert out_of_vocabulary(config, split) == {"item": {"values": 4, "unknown": 2}} | categories


def test_without_a_limit_nothing_is_read(tmp_path: Path) -> None:
    pattern = training_examples.write(training_examples.make_rows(4), tmp_path / "examples")
    split = Split.read([pattern], training_examples.INPUTS, 0)
    shutil.rmtree(tmp_path / "examples")
    assert out_of_vocabulary(complete_config(SHOP), split) == {}
