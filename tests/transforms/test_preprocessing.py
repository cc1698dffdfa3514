"""Exact model inputs, computed from rows of raw features."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_transform as tft

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.preprocessing import Preprocessing
from tests.transforms.transform_graph import apply, configuration, learn

NAN = math.nan
SHOP = configuration(
    tasks=[
        {"name": "click", "label": {"column": "click"}},
        {"name": "like", "label": {"column": "like"}, "mask": {"column": "click"}},
    ],
    attributes=[
        {"name": "category", "from": "items", "use": ["target", "history"]},
        {
            "name": "tags",
            "from": "items",
            "kind": "categorical_list",
            "separator": "; ",
            "max_values": 2,
            "use": ["target", "history"],
        },
        {"name": "rating", "from": "events", "use": ["history"]},
        {
            "name": "year",
            "from": "items",
            "kind": "numeric",
            "boundaries": [1990, 2000],
            "use": ["target", "history"],
        },
        {"name": "score", "from": "events", "kind": "numeric", "quantiles": 2},
        {"name": "price", "from": "items", "kind": "numeric"},
        {"name": "constant", "from": "items", "kind": "numeric"},
        {"name": "nowhere", "from": "users", "kind": "numeric"},
    ],
)
SHOP_ROWS: list[dict[str, Any]] = [
    {"item": "i1", "category": "drama", "tags": ["t1", "t2"], "score": 1.0, "price": 2.0, "constant": 7.0},
    {
        "item": "i1", "category": "drama", "tags": ["t1"], "score": 2.0, "price": 4.0, "constant": 7.0,
        "history_item": ["é2"], "history_rating": ["5"], "history_category": ["drama"], "history_tags": ["t9"],
    },
    {
        "item": "é2", "category": "action", "score": 3.0, "price": 6.0, "constant": 7.0,
        "history_item": ["i9", "i1"], "history_rating": ["1", "4"],
    },
    {
        "item": "東京", "score": 4.0, "constant": 7.0,
        "history_item": ["i9", "i9", "i1"], "history_rating": ["1", "1", "4"],
    },
]  # fmt: skip


@dataclass(frozen=True)
class Learned:
    """A transform that was learned from some rows."""

    config: IngestionConfig
    output: tft.TFTransformOutput

    def __call__(self, *rows: dict[str, Any], with_labels: bool = True) -> dict[str, np.ndarray]:
        """Return the model inputs of some rows by feature."""
        return apply(self.config, self.output, rows, with_labels)

    def feature(self, name: str, *values: Any, feature: str | None = None) -> list[Any]:
        """Return the model input `feature` (by default `name`) for these values of the raw feature `name`."""
        return self(*({name: value} for value in values))[feature or name].tolist()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Learned:
    return Learned(SHOP, learn(SHOP, SHOP_ROWS, tmp_path_factory.mktemp("shop") / "graph"))


def test_only_the_training_split_is_learned_from_and_the_test_split_stays_raw() -> None:
    preprocessing = Preprocessing(SHOP)
    assert preprocessing.learned_splits == ["train"]
    assert preprocessing.transformed_splits == ["train", "validation"]


def test_a_matcher_has_its_items_transformed_and_a_model_of_graphs_learns_from_them_too() -> None:
    matcher, graph_model = Preprocessing(SHOP, with_items=True), Preprocessing(SHOP, True, learn_items=True)
    assert matcher.learned_splits == ["train"]
    assert matcher.transformed_splits == ["train", "validation", "items"]
    assert graph_model.learned_splits == ["train", "items"]


def test_targets_are_analyzed_and_histories_only_where_there_is_no_target() -> None:
    assert Preprocessing(SHOP).analyzed_features() == {
        "item", "category", "tags", "history_rating", "score", "price", "constant", "nowhere",
    }  # fmt: skip
    user = configuration(features={"user": {"in_model": True}}, negatives={"source": "sampled", "per_positive": 1})
    assert Preprocessing(user).analyzed_features() == {"item", "user", "sampling_probability"}


def test_a_transform_that_learns_nothing_still_reads_the_item() -> None:
    hashed = configuration(features={"item": {"hash_buckets": 100}})
    assert Preprocessing(hashed).analyzed_features() == {"item"}


def test_items_are_numbered_from_the_most_frequent_target(shop: Learned) -> None:
    # i1 is the target twice; é2 and 東京 once each, ordered by their bytes from last to first.
    assert shop.output.vocabulary_by_name("item") == [b"i1", "東京".encode(), "é2".encode()]
    assert shop.feature("item", "i1", "東京", "é2") == [1, 2, 3]


def test_an_unknown_item_goes_to_the_bucket_after_the_known_and_a_missing_one_is_zero(shop: Learned) -> None:
    # i9 is in the training split too, but along histories alone.
    assert shop.feature("item", "i9", "never seen", "", "line\nbreak") == [4, 4, 0, 4]


def test_target_and_history_share_their_ids(shop: Learned) -> None:
    ids = shop.feature("history_item", ["東京", "i1"], [], ["never seen"], ["é2", "i1", "東京"])
    assert ids == [[2, 1, 0], [0, 0, 0], [4, 0, 0], [3, 1, 2]]
    assert shop.feature("history_category", ["action", "", "drama"]) == [[2, 0, 1]]
    assert shop.feature("category", "action", "", "drama", "farce") == [2, 0, 1, 3]


def test_the_newest_of_an_overlong_history_are_kept(shop: Learned) -> None:
    row = {
        "history_item": ["i1", "i1", "i1", "é2", "東京"],
        "history_age": [16, 8, 4, 2, 1],
        "history_category": ["drama", "drama", "drama", "action", ""],
        "history_tags": ["t1", "t2", "t1; t2", "", "t2"],
        "history_year": [1980.0, 1980.0, NAN, 1995.0, 2020.0],
        "history_rating": ["4", "4", "4", "5", "5"],
    }
    transformed = shop(row)
    assert transformed["history_item"].tolist() == [[1, 3, 2]]
    assert transformed["history_age"].tolist() == [[4, 3, 2]]
    assert transformed["history_category"].tolist() == [[1, 2, 0]]
    assert transformed["history_tags"].tolist() == [[[1, 2], [0, 0], [2, 0]]]
    assert transformed["history_year"].tolist() == [[0, 2, 3]]
    assert transformed["history_rating"].tolist() == [[1, 2, 2]]


def test_an_attribute_of_the_history_alone_is_learned_from_the_newest_behaviours(shop: Learned) -> None:
    # The newest ratings are 5, 4 and 4; 1 is nowhere the newest.
    assert shop.output.vocabulary_by_name("rating") == [b"4", b"5"]
    assert shop.feature("history_rating", ["4", "5", "1"]) == [[1, 2, 3]]


def test_the_first_values_of_a_list_are_used_and_empty_ones_left_out(shop: Learned) -> None:
    # t1 is a target's tag twice, t2 once; t9 is along a history alone.
    assert shop.feature("tags", ["t1", "t2", "t1"], [], ["", "t2"], ["t9"]) == [[1, 2], [0, 0], [2, 0], [3, 0]]


def test_a_list_along_the_history_is_split_at_its_separator(shop: Learned) -> None:
    assert shop.feature("history_tags", ["t2; t1; t2", "t9"], ["; t1", ""], []) == [
        [[2, 1], [3, 0], [0, 0]],
        [[1, 0], [0, 0], [0, 0]],
        [[0, 0], [0, 0], [0, 0]],
    ]


def test_numbers_are_bucketed_by_boundaries_from_one(shop: Learned) -> None:
    assert shop.feature("year", 1989.0, 1990.0, 1999.5, 2000.0, NAN, math.inf) == [1, 2, 2, 3, 0, 0]
    assert shop.feature("history_year", [2001.0, NAN]) == [[3, 0, 0]]


def test_numbers_are_bucketed_by_quantiles_of_the_training_split(shop: Learned) -> None:
    # Of 1, 2, 3 and 4 the median is taken to be 3.
    assert shop.feature("score", -9.0, 2.0, 3.0, 99.0, NAN) == [1, 1, 2, 2, 0]


def test_numbers_are_centred_and_scaled_by_known_values_alone(shop: Learned) -> None:
    # 2, 4 and 6, a fourth is missing: mean 4, variance (4 + 0 + 4) / 3.
    deviation = math.sqrt(8 / 3)
    expected = [-2 / deviation, 0.0, 6 / deviation, 0.0]
    np.testing.assert_allclose(shop.feature("price", 2.0, 4.0, 10.0, NAN), expected, rtol=1e-6)


def test_a_number_that_never_varies_or_is_never_known_is_zero(shop: Learned) -> None:
    assert shop.feature("constant", 7.0, 8.0, NAN) == [0.0, 0.0, 0.0]
    assert shop.feature("nowhere", NAN) == [0.0]


def test_labels_and_masks_come_through(shop: Learned) -> None:
    transformed = shop({"label_click": 1.0, "label_like": 0.0, "mask_like": 1.0})
    assert {name: transformed[name].tolist() for name in ("label_click", "label_like", "mask_like")} == {
        "label_click": [1.0],
        "label_like": [0.0],
        "mask_like": [1.0],
    }


def test_a_server_without_labels_gets_the_same_inputs(shop: Learned) -> None:
    with_labels, served = shop(*SHOP_ROWS), shop(*SHOP_ROWS, with_labels=False)
    assert with_labels.keys() - served.keys() == {"label_click", "label_like", "mask_like"}
    for name, values in served.items():
        np.testing.assert_array_equal(values, with_labels[name], name)


def test_an_example_does_not_depend_on_the_rest_of_its_batch(shop: Learned) -> None:
    together = shop(*SHOP_ROWS)
    for index, row in enumerate(SHOP_ROWS):
        for name, values in shop(row).items():
            np.testing.assert_array_equal(values[0], together[name][index], name)


SAMPLED = configuration(
    negatives={"source": "sampled"},
    features={
        "user": {"in_model": True, "hash_buckets": 10},
        "item": {"min_count": 2, "out_of_vocabulary_buckets": 5},
        "attributes": [
            {"name": "category", "from": "items", "vocabulary_size": 1, "use": ["target", "history"]},
            {"name": "brand", "from": "items", "hash_buckets": 1000, "use": ["target", "history"]},
            {"name": "price", "from": "items", "kind": "numeric"},
            {"name": "tags", "from": "items", "kind": "categorical_list"},
            {"name": "mood", "from": "events", "use": ["history"]},
        ],
    },
)
SAMPLED_ROW = {
    "item": "i2", "category": "c2", "price": 100.0, "sampling_probability": 0.25, "tags": ["t2"],
    "history_item": ["i1"], "history_mood": ["sampled"],
}  # fmt: skip
SAMPLED_ROWS: list[dict[str, Any]] = [
    {"item": "i1", "category": "c1", "price": 1.0, "tags": ["t1"]},
    {"item": "i1", "category": "c1", "price": 3.0, "history_item": ["i1"], "history_mood": ["logged"]},
    {"item": "i2", "category": "c2", "price": 2.0},
    *[SAMPLED_ROW] * 3,
]


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Learned:
    return Learned(SAMPLED, learn(SAMPLED, SAMPLED_ROWS, tmp_path_factory.mktemp("sampled") / "graph"))


def test_sampled_negatives_do_not_count(sampled: Learned) -> None:
    # If histories counted, i2 would occur four times and come first; it is rarer than `min_count`.
    assert sampled.output.vocabulary_by_name("item") == [b"i1"]
    assert sampled.output.vocabulary_by_name("category") == [b"c1"]
    assert sampled.output.vocabulary_by_name("tags") == [b"t1"]
    assert sampled.output.vocabulary_by_name("mood") == [b"logged"]
    assert sampled.feature("price", 2.0) == [0.0]


def test_unknown_items_spread_over_their_buckets(sampled: Learned) -> None:
    ids = sampled.feature("item", *(f"unknown {index}" for index in range(100)))
    assert set(ids) == {2, 3, 4, 5, 6}
    assert sampled.feature("history_item", ["unknown 7", "i1"]) == [[ids[7], 1, 0]]


def test_hashed_values_have_one_id_everywhere(sampled: Learned) -> None:
    ids = sampled.feature("brand", *(f"é{index}" for index in range(50)), "")
    assert ids[-1] == 0
    assert all(1 <= value <= 1000 for value in ids[:-1])
    assert len(set(ids)) > 40  # of 50 in 1000 buckets, 1.2 collide in the mean
    assert sampled.feature("history_brand", ["é3", "é7", ""]) == [[ids[3], ids[7], 0]]


def test_hashed_users_are_inputs_if_the_model_embeds_them(sampled: Learned, shop: Learned) -> None:
    ids = sampled.feature("user", *(f"u{index}" for index in range(200)))
    assert set(ids) == set(range(1, 11))
    assert "user" not in shop({})


def test_an_empty_vocabulary_still_gives_a_graph(tmp_path: Path) -> None:
    config = configuration(features={"item": {"min_count": 5}})
    learned = Learned(config, learn(config, [{"item": "i1"}], tmp_path / "graph"))
    unknown = learned.output.vocabulary_size_by_name("item") + 1
    assert learned.feature("item", "i1", "") == [unknown, 0]


WITH_NEGATIVES = configuration(
    sequence={"max_length": 3, "history_negatives": True},
    attributes=[
        {"name": "category", "from": "items", "use": ["target", "history"]},
        {"name": "tags", "from": "items", "kind": "categorical_list", "max_values": 2, "use": ["target", "history"]},
        {
            "name": "year",
            "from": "items",
            "kind": "numeric",
            "boundaries": [1990, 2000],
            "use": ["target", "history"],
        },
    ],
)


def test_negatives_of_behaviours_are_encoded_like_them_and_a_server_needs_none(tmp_path: Path) -> None:
    rows = [
        {"item": "i1", "category": "drama", "tags": ["t1"]},
        {
            "item": "i1", "category": "drama", "tags": ["t1"], "history_item": ["i2", "i1", "i2", "i1"],
            "history_negative_item": ["i1", "i1", "", "unknown"], "history_negative_category": ["", "drama", "", "x"],
            "history_negative_tags": ["", "t1", "", "x|t1"], "history_negative_year": [NAN, 1980.0, NAN, 2020.0],
        },
    ]  # fmt: skip
    learned = Learned(WITH_NEGATIVES, learn(WITH_NEGATIVES, rows, tmp_path / "graph"))
    assert learned.output.vocabulary_by_name("item") == [b"i1"]
    trained, served = learned(*rows), learned(*rows, with_labels=False)
    # Only the newest three are kept, with the negatives of these.
    assert trained["history_negative_item"].tolist() == [[0, 0, 0], [1, 0, 2]]
    assert trained["history_negative_category"].tolist() == [[0, 0, 0], [1, 0, 2]]
    assert trained["history_negative_tags"].tolist() == [[[0, 0]] * 3, [[1, 0], [0, 0], [2, 1]]]
    assert trained["history_negative_year"].tolist() == [[0, 0, 0], [1, 0, 3]]
    negatives = {f"history_negative_{name}" for name in ("item", "category", "tags", "year")}
    assert trained.keys() - served.keys() == negatives | {"label_click"}
    for name, values in served.items():
        np.testing.assert_array_equal(values, trained[name], name)
