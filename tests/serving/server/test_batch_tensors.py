"""Tensors of a batch, joined and split."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest

from interestflow.serving.server.batch_tensors import count_rows, join, split
from tests.serving.server.checks import serving_error


def feed_name(name: str) -> str:
    return f"rank_{name}:0"


def text(*rows: list[bytes]) -> np.ndarray:
    return np.array(rows, object)


def joined(requests: list[Any], pads: bool = False, size: int | None = None) -> Any:
    size = sum(len(request["x"]) for request in requests) if size is None else size
    return join(requests, pads, size, feed_name)["x"].tolist()


def test_rows_are_those_that_all_inputs_share() -> None:
    assert count_rows({"x": np.zeros((3, 2)), "y": np.zeros(3)}) == 3
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    assert serving_error(lambda: count_rows({})) == (invalid, "Batching Run() must have at least one input tensor")
    assert serving_error(lambda: count_rows({"x": np.float32(1), "y": np.zeros(3)})) == (
        invalid, "Batching Run() input tensors must have at least one dimension",
    )  # fmt: skip
    assert serving_error(lambda: count_rows({"x": np.zeros(2), "y": np.zeros(3)})) == (
        invalid, "Batching Run() input tensors must have equal 0th-dimension size, received `x` 2, `y` 3",
    )  # fmt: skip


def test_requests_are_joined_along_the_first_axis() -> None:
    assert joined([{"x": np.float32([1])}, {"x": np.float32([2, 3])}]) == [1.0, 2.0, 3.0]
    assert joined([{"x": text([b"a", b"b"])}, {"x": text([b"c", b"d"])}]) == [[b"a", b"b"], [b"c", b"d"]]


def test_missing_rows_repeat_the_first_of_the_last_request() -> None:
    assert joined([{"x": np.float32([1])}, {"x": np.float32([2, 3])}], size=5) == [1.0, 2.0, 3.0, 2.0, 2.0]


@pytest.mark.parametrize("other", [np.zeros((1, 3)), np.zeros(1), np.zeros((1, 2, 1))], ids=["length", "less", "more"])
def test_unequal_shapes_fail_with_the_name_that_the_tensor_has_in_the_graph(other: np.ndarray) -> None:
    code, message = serving_error(lambda: joined([{"x": np.zeros((1, 2))}, {"x": other}]))
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert message.startswith(
        "Tensors with name 'rank_x:0' from different tasks have different shapes and padding is turned off."
    )


def test_padding_repeats_the_first_value_of_a_tensor() -> None:
    assert joined([{"x": np.int64([[1, 2, 3]])}, {"x": np.int64([[4], [5]])}], pads=True) == [
        [1, 2, 3], [4, 4, 4], [5, 4, 4],
    ]  # fmt: skip
    assert joined([{"x": text([b"a", b"b"])}, {"x": text([b"c"])}], pads=True) == [[b"a", b"b"], [b"c", b"c"]]
    assert joined([{"x": np.zeros((1, 1, 3))}, {"x": np.ones((1, 2, 1))}], pads=True) == [
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]],
    ]  # fmt: skip


def test_nothing_cannot_be_padded() -> None:
    code, message = serving_error(lambda: joined([{"x": text([b"a"])}, {"x": np.empty((1, 0), object)}], pads=True))
    assert (code, message) == (
        grpc.StatusCode.INVALID_ARGUMENT, "Got empty tensor in batch of non-empty tensors.",
    )  # fmt: skip
    empty = [{"x": np.empty((1, 0), object)}, {"x": np.empty((2, 0), object)}]
    assert joined(empty, pads=True) == [[], [], []]
    code, message = serving_error(lambda: joined([{"x": np.zeros((1,) * 7)}, {"x": np.zeros((1,) * 7)}], pads=True))
    assert message == "Only tensors with rank from 1 to 6 can be padded."


def test_ranks_that_differ_cannot_be_padded() -> None:
    code, _ = serving_error(lambda: joined([{"x": np.zeros((1, 2))}, {"x": np.zeros(1)}], pads=True))
    assert code == grpc.StatusCode.FAILED_PRECONDITION


def test_outputs_are_split_by_rows_and_rows_that_filled_up_are_dropped() -> None:
    parts = split({"y": np.arange(6), "z": np.arange(12).reshape(6, 2)}, [1, 3], 6)
    assert [part["y"].tolist() for part in parts] == [[0], [1, 2, 3]]
    assert [part["z"].tolist() for part in parts] == [[[0, 1]], [[2, 3], [4, 5], [6, 7]]]


def test_outputs_without_a_row_for_each_row_fail() -> None:
    assert serving_error(lambda: split({"y": np.float32(1)}, [1], 1)) == (
        grpc.StatusCode.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions: `y`",
    )  # fmt: skip
    code, message = serving_error(lambda: split({"y": np.zeros(3)}, [1, 1], 2))
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert message.endswith("`y` has 3 rows, the inputs 2")
