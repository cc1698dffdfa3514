"""Slices of raw features: which rows belong to which slice, and the order of the slices."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from interestflow.pipeline.evaluation.slices import MISSING, Slice, slices_of
from tests.pipeline.support import exported_rankers

PRICE = Slice("price", "price", boundaries=(1.0, 10.0))


def parts(part: Slice, parsed: object) -> dict[str, list[int]]:
    return {value: rows.tolist() for value, rows in part.parts(*part.pairs(parsed))}


def test_text_is_partitioned_by_value_and_an_empty_text_is_missing() -> None:
    assert parts(Slice("device", "device"), tf.constant(["a", "", "b", "a"])) == {MISSING: [1], "a": [0, 3], "b": [2]}


def test_an_example_belongs_once_to_each_value_of_a_list() -> None:
    tags = tf.sparse.from_dense([["x", "y"], ["", ""], ["x", "x"]])
    assert parts(Slice("tags", "tags", is_list=True), tags) == {"x": [0, 2], "y": [0]}


def test_a_number_falls_into_the_bucket_that_begins_at_its_lower_boundary() -> None:
    prices = tf.constant([0.5, 1.0, 9.9, 10.0, np.nan])
    expected = {"below 1": [0], "1 to 10": [1, 2], "10 or more": [3], MISSING: [4]}
    assert parts(PRICE, prices) == expected


def test_buckets_and_leading_numbers_are_sorted_as_numbers() -> None:
    labels = ["10 or more", MISSING, "below 1", "1 to 10"]
    assert sorted(labels, key=PRICE.sort_key) == ["below 1", "1 to 10", "10 or more", MISSING]
    lengths = Slice("history_length", "slice_history_length")
    assert sorted(["50+", "5-19", "0", "other"], key=lengths.sort_key) == ["0", "5-19", "50+", "other"]


def test_the_configuration_names_features_of_ingestion_and_attributes() -> None:
    slices = {part.name: part for part in slices_of(exported_rankers.config())}
    assert list(slices) == ["history_length", "user", "item", "device", "tags", "price"]
    assert slices["item"] == Slice("item", "slice_item")
    assert slices["tags"] == Slice("tags", "tags", is_list=True)
    assert slices["price"] == PRICE
