"""Rows become the arrays that signatures take, padded to the sizes that the model describes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from interestflow.serving.client.client_error import ClientError
from interestflow.serving.client.metadata import Metadata, Signature, TensorInfo
from interestflow.serving.client.rows import (
    as_candidates,
    candidate_count,
    missing_features,
    pack_encode_items,
    pack_encode_user,
    pack_predict,
    pack_rank,
    pack_retrieve,
    rank_signature,
    truncated_items,
)
from interestflow.serving.description import Description

USER = {
    "device": TensorInfo("string", (None,)),
    "history_item": TensorInfo("string", (None, None)),
    "history_age": TensorInfo("int64", (None, None)),
    "history_count": TensorInfo("int64", (None,)),
}
ITEMS = {
    "item": TensorInfo("string", (None,)),
    "price": TensorInfo("float32", (None,)),
    "tags": TensorInfo("string", (None, None)),
    "weights": TensorInfo("float32", (None, None)),
}
RANKED = USER | {name: TensorInfo(tensor.dtype, (None, *tensor.shape)) for name, tensor in ITEMS.items()}
SIGNATURES = {
    "predict": Signature(USER | ITEMS, {}),
    "rank": Signature(RANKED, {}),
    "encode_user": Signature(USER, {}),
    "encode_items": Signature(ITEMS, {}),
    "retrieve": Signature(USER | {"k": TensorInfo("int32", (None,))}, {}),
}
DESCRIPTION = Description(
    {"history_item": 3, "history_age": 3, "tags": 2, "weights": 2}, (2, 4), 8, ("device", "item", "price")
)
PLAIN, DESCRIBED = Metadata(1, SIGNATURES), Metadata(1, SIGNATURES, DESCRIPTION)


def texts(*rows: Any) -> np.ndarray:
    return np.array(
        [[value.encode() for value in row] if isinstance(row, list) else row.encode() for row in rows], object
    )


def check(arrays: dict[str, np.ndarray], **expected: np.ndarray) -> None:
    assert arrays.keys() == expected.keys()
    for name, array in expected.items():
        assert arrays[name].dtype == array.dtype, name
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)


ROWS = [
    {"item": "a", "price": 0.5, "tags": ["x"], "history_item": ["b", "c"], "history_age": [9, 7], "history_count": 5},
    {"item": "é", "device": "phone", "weights": [1, 2, 3]},
]


def test_lists_are_as_long_as_the_longest_without_a_description() -> None:
    check(
        pack_predict(PLAIN, ROWS),
        device=texts("", "phone"),
        history_item=texts(["b", "c"], ["", ""]),
        history_age=np.array([[9, 7], [0, 0]]),
        history_count=np.array([5, 0]),
        item=texts("a", "é"),
        price=np.array([0.5, math.nan], np.float32),
        tags=texts(["x"], [""]),
        weights=np.array([[math.nan] * 3, [1, 2, 3]], np.float32),
    )


def test_lists_are_as_long_as_the_description_says() -> None:
    long = {"item": "z", "history_item": ["p", "q", "r", "s", "t"], "history_age": [5, 4, 3, 2, 1], "tags": list("uvw")}
    check(
        pack_predict(DESCRIBED, [*ROWS, long]),
        device=texts("", "phone", ""),
        history_item=texts(["b", "c", ""], ["", "", ""], ["r", "s", "t"]),
        history_age=np.array([[9, 7, 0], [0, 0, 0], [3, 2, 1]]),
        history_count=np.array([5, 0, 0]),
        item=texts("a", "é", "z"),
        price=np.array([0.5, math.nan, math.nan], np.float32),
        tags=texts(["x", ""], ["", ""], ["u", "v"]),
        weights=np.array([[math.nan] * 2, [1, 2], [math.nan] * 2], np.float32),
    )


def test_what_is_absent_in_a_list_takes_no_place_of_its_length() -> None:
    row = {
        "history_item": ["a", "", "b", None, "c", "d", ""],
        "history_age": [7, 6, 5, 4, 3, 2, 1],
        "tags": ["", "x", None, "y", "z"],
        "weights": [math.nan, 1, 2],
    }
    arrays = pack_predict(DESCRIBED, [row])
    np.testing.assert_array_equal(arrays["history_item"], texts(["b", "c", "d"]))
    np.testing.assert_array_equal(arrays["history_age"], [[5, 3, 2]])
    np.testing.assert_array_equal(arrays["tags"], texts(["x", "y"]))
    np.testing.assert_array_equal(arrays["weights"], np.array([[1, 2]], np.float32))


def test_a_history_without_one_of_its_features() -> None:
    arrays = pack_encode_user(DESCRIBED, [{"history_item": ["a", "b"]}])
    np.testing.assert_array_equal(arrays["history_item"], texts(["a", "b", ""]))
    np.testing.assert_array_equal(arrays["history_age"], [[0, 0, 0]])
    assert arrays.keys() == USER.keys()


def test_a_user_with_candidates() -> None:
    user = {"device": "tv", "history_item": ["b"], "history_age": [60]}
    candidates = [{"item": "1", "tags": ["x", "y"]}, {"item": "2", "price": 3}, {"item": "3"}]
    arrays = pack_rank(PLAIN, user, candidates)
    assert {name: array.shape for name, array in arrays.items()} == {
        "device": (1,), "history_item": (1, 1), "history_age": (1, 1), "history_count": (1,),
        "item": (1, 3), "price": (1, 3), "tags": (1, 3, 2), "weights": (1, 3, 0),
    }  # fmt: skip
    check(
        pack_rank(DESCRIBED, user, candidates),
        device=texts("tv"),
        history_item=texts(["b", "", ""]),
        history_age=np.array([[60, 0, 0]]),
        history_count=np.array([0]),
        item=texts(["1", "2", "3", ""]),
        price=np.array([[math.nan, 3, math.nan, math.nan]], np.float32),
        tags=np.array([[[b"x", b"y"], [b"", b""], [b"", b""], [b"", b""]]], object),
        weights=np.full((1, 4, 2), math.nan, np.float32),
    )


def test_candidates_are_padded_to_the_next_size() -> None:
    assert [candidate_count(DESCRIPTION, count) for count in (0, 1, 2, 3, 4, 5, 9)] == [2, 2, 2, 4, 4, 5, 9]
    assert candidate_count(None, 3) == 3


def test_items_to_encode() -> None:
    arrays = pack_encode_items(DESCRIBED, as_candidates(["a", b"b", 7]))
    np.testing.assert_array_equal(arrays["item"], texts("a", "b", "7"))
    assert arrays["tags"].shape == (3, 2)
    assert arrays.keys() == ITEMS.keys()


def test_as_many_more_items_are_retrieved_as_the_history_has_in_the_part_that_is_cut_off() -> None:
    user = {"history_item": ["a", "b", "a", "", "d", "c", "b", "d"]}
    assert truncated_items(DESCRIBED, user) == {b"a"}
    arrays = pack_retrieve(DESCRIBED, user, 5)
    np.testing.assert_array_equal(arrays["k"], np.array([6], np.int32))
    assert arrays["k"].dtype == np.int32
    np.testing.assert_array_equal(arrays["history_item"], texts(["c", "b", "d"]))
    assert truncated_items(PLAIN, user) == set()
    np.testing.assert_array_equal(pack_retrieve(PLAIN, user, 5)["k"], [5])
    assert truncated_items(DESCRIBED, {"history_item": ["a", "", "b", "c"]}) == set()
    with pytest.raises(ClientError, match="`count` should be at most 2147483647, received 2147483647"):
        pack_retrieve(DESCRIBED, user, 2**31 - 1)


def test_missing_features_are_those_that_training_always_had() -> None:
    names = SIGNATURES["predict"].inputs
    assert missing_features(DESCRIBED, names, []) == ()
    assert missing_features(DESCRIBED, names, [{}]) == ("device", "item", "price")
    complete = {"device": "tv", "item": "a", "price": 0}
    assert missing_features(DESCRIBED, names, [complete]) == ()
    assert missing_features(DESCRIBED, names, [complete, complete | {"price": math.nan}]) == ("price",)
    assert missing_features(DESCRIBED, names, [complete | {"device": ""}, complete | {"item": None}]) == (
        "device",
        "item",
    )
    assert missing_features(DESCRIBED, USER, [{}]) == ("device",)
    assert missing_features(PLAIN, names, [{}]) == ()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (
            [{"colour": "red"}],
            "rows have colour; the model knows device, history_age, history_count, history_item, item",
        ),
        ([{1: "red"}], "rows have 1; the model knows"),
        (["a"], "rows should be features by name, received 'a'"),
        ([{"device": ["a", "b"]}], "`device` should be one value, received \\['a', 'b'\\]"),
        ([{"history_age": [5]}], "`history_age` should have as many values as `history_item`, 0, received 1"),
        ([{"history_item": ["a"], "history_age": ["old"]}], "`history_age` should be int64, received 'old'"),
    ],
)
@pytest.mark.parametrize("metadata", [PLAIN, DESCRIBED], ids=["plain", "described"])
def test_rows_that_the_model_does_not_take_are_named(metadata: Metadata, rows: list, says: str) -> None:
    with pytest.raises(ClientError, match=says):
        pack_predict(metadata, rows)


def test_features_on_the_wrong_side_are_named() -> None:
    with pytest.raises(ClientError, match="the user has item; the model knows device, history_age"):
        pack_rank(PLAIN, {"item": "a"}, [])
    with pytest.raises(ClientError, match="candidates have device; the model knows item, price, tags, weights"):
        pack_rank(PLAIN, {}, [{"item": "a", "device": "tv"}])
    with pytest.raises(ClientError, match="the user has k; the model knows device"):
        pack_retrieve(PLAIN, {"k": 3}, 1)


def test_inputs_of_other_shapes_are_named() -> None:
    for shape, axes in (((None, None, None), "3"), ((), "0"), (None, "an unknown number of")):
        metadata = Metadata(1, {"predict": Signature({"image": TensorInfo("float32", shape)}, {})})
        with pytest.raises(ClientError, match=f"`image` should have one or two axes for rows, the model's has {axes}"):
            pack_predict(metadata, [{}])


@pytest.mark.parametrize(
    ("candidates", "says"),
    [
        ([{"price": 1}], "candidate 0 should have an `item`, received {'price': 1}"),
        (["a", ""], "candidate 1 should have an `item`, received {'item': ''}"),
        ([None], "candidate 0 should have an `item`"),
        ([["a"]], "candidate 0 should have an `item`"),
        ("abc", "`candidates` should be a list, received 'abc'"),
        ({"item": "a"}, "`candidates` should be a list"),
        (3, "`candidates` should be a list, received 3"),
    ],
)
def test_candidates_without_an_item_are_named(candidates: Any, says: str) -> None:
    with pytest.raises(ClientError, match=says):
        as_candidates(candidates)


def test_candidates_are_ids_or_rows() -> None:
    assert as_candidates(["a", {"item": "b"}, 0]) == [{"item": "a"}, {"item": "b"}, {"item": 0}]
    assert as_candidates(np.array(["a", "b"])) == [{"item": "a"}, {"item": "b"}]


def test_each_number_of_candidates_has_a_signature_of_its_own_where_the_model_has_them() -> None:
    """A server cannot batch requests of different sizes, and keeps a queue for each signature."""
    size = DESCRIPTION.candidate_sizes[0]
    sized = {**SIGNATURES, f"rank_{size}": SIGNATURES["rank"]}
    assert rank_signature(Metadata(1, sized, DESCRIPTION), size) == f"rank_{size}"
    assert rank_signature(Metadata(1, sized, DESCRIPTION), size + 1) == "rank"
    assert rank_signature(Metadata(1, sized), size) == "rank"  # nothing was padded
    assert rank_signature(DESCRIBED, size) == "rank"  # exported before there were such signatures
