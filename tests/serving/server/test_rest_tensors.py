"""Bodies of `predict` requests by row and by column, and the bodies of their answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo

from interestflow.serving.server.errors import ServingError
from interestflow.serving.server.rest_tensors import read_inputs, write_outputs

ONE = {"x": TensorInfo(dtype=types_pb2.DT_FLOAT)}
TWO = {"x": TensorInfo(dtype=types_pb2.DT_FLOAT), "name": TensorInfo(dtype=types_pb2.DT_STRING)}


def read(body: dict[str, Any], inputs: dict[str, TensorInfo] = ONE) -> dict[str, np.ndarray]:
    return {name: tf.make_ndarray(proto) for name, proto in read_inputs(body, inputs)[0].items()}


def refusal(body: dict[str, Any], inputs: dict[str, TensorInfo] = ONE) -> str:
    with pytest.raises(ServingError) as raised:
        read_inputs(body, inputs)
    return raised.value.message


def test_rows() -> None:
    rows = [{"x": [1, 2.5], "name": "a"}, {"name": {"b64": "/w=="}, "x": [3, 4]}]
    arrays = read({"instances": rows}, TWO)
    np.testing.assert_array_equal(arrays["x"], np.float32([[1, 2.5], [3, 4]]))
    assert arrays["name"].tolist() == [b"a", b"\xff"]
    assert read_inputs({"instances": rows}, TWO)[1] is True
    np.testing.assert_array_equal(read({"instances": [1, 2]})["x"], np.float32([1, 2]))
    np.testing.assert_array_equal(read({"instances": [{"x": 1}, {"x": 2}]})["x"], np.float32([1, 2]))


def test_a_row_whose_list_is_empty_has_an_empty_axis() -> None:
    arrays = read({"instances": [{"x": [], "name": []}]}, TWO)
    assert {name: (array.shape, array.dtype.kind) for name, array in arrays.items()} == {
        "x": ((1, 0), "f"), "name": ((1, 0), "O"),
    }  # fmt: skip


def test_columns() -> None:
    body = {"inputs": {"x": [[1, 2]], "name": "a", "more": 1}}
    arrays = read(body, TWO)
    assert (arrays["x"].tolist(), arrays["name"].item()) == ([[1, 2]], b"a")
    assert read_inputs(body, TWO)[1] is False
    assert read({"inputs": 3})["x"].shape == ()
    assert read({"inputs": {"b64": "YQ=="}}, {"x": TensorInfo(dtype=types_pb2.DT_STRING)})["x"].item() == b"a"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [{"x": 1, "name": "a"}, {"x": 1}],
            "element: 1 of 'instances' list. JSON object: {\n    \"x\": 1\n} keys must be equal to: name,x",
        ),
        (
            [{"x": 1, "name": "a", "z": 1}],
            "element: 0 key: z of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: z",
        ),
        (
            [{"x": [1, 2], "name": "a"}, {"x": [1], "name": "a"}],
            "element: 1 key: x of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 2 but got: 1",
        ),
        (
            [{"x": [[1, 2]], "name": "a"}, {"x": [1, 2], "name": "a"}],
            "element: 1 key: x of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [1,2] but got: [2]",
        ),
        (
            [{"x": [[1], [1, 2]], "name": "a"}],
            "element: 0 key: x of 'instances' list. Error: INVALID_ARGUMENT: Encountered list at unexpected size: 2 at "
            "level: 1 expected size: 1",
        ),
        (
            [{"x": [1, [2]], "name": "a"}],
            "element: 0 key: x of 'instances' list. Error: INVALID_ARGUMENT: Encountered list at unexpected level: 1 "
            "expected < 1",
        ),
        (
            [{"x": [[1], 2], "name": "a"}],
            "element: 0 key: x of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: 2 found at incorrect level: 2 "
            "in the JSON DOM. Expected at level: 2",
        ),
    ],
)
def test_rows_that_do_not_fit(rows: list[Any], message: str) -> None:
    assert refusal({"instances": rows}, TWO) == f"Failed to process {message}"


def test_a_list_of_rows_with_something_else_among_them() -> None:
    row = {"x": 1, "name": "a"}
    assert refusal({"instances": [row, [1, "a"]]}, TWO) == "Expecting object but got list at item 1 of input list"
    assert refusal({"instances": [[1, "a"], row]}, TWO) == (
        "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
        "tensorinfo_map"
    )


def test_a_list_of_values_with_an_object_among_them() -> None:
    message = "Expecting value/list but got object at item 1 of input list"
    assert refusal({"instances": [1, {"x": 2}]}) == message


def test_which_key_there_is() -> None:
    assert refusal({}) == "Missing 'inputs' or 'instances' key"
    assert refusal({"inputs": 1, "instances": [1]}).endswith(
        "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
    )
    assert (
        refusal({"instances": 1}) == "JSON Value: {\n    \"instances\": 1\n} Expecting 'instances' to be an list/array"
    )
    assert refusal({"instances": []}) == "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"
    assert refusal({"inputs": {"x": 1}}, TWO) == "Missing named input: name in 'inputs' object."
    assert refusal({"inputs": [1]}, TWO) == (
        "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"
    )


def test_a_type_without_json() -> None:
    with pytest.raises(ServingError) as raised:
        read_inputs({"inputs": [1]}, {"x": TensorInfo(dtype=types_pb2.DT_COMPLEX64)})
    assert (raised.value.code.name, raised.value.message) == (
        "UNIMPLEMENTED", "Conversion of JSON to type: complex64, of input x",
    )  # fmt: skip


def test_the_number_of_rows_is_bounded() -> None:
    assert len(read({"instances": [1.0] * 10_000})["x"]) == 10_000
    with pytest.raises(ServingError) as raised:
        read_inputs({"instances": [1.0] * 4}, ONE, max_rows=3)
    assert raised.value.message == "'instances' should have at most 3 rows (`max_candidates`), received 4"


OUTPUTS = {"data_bytes": np.array([b"\xff"], object), "y": np.float32([[1.5, 2]])}


def test_outputs_by_row_and_by_column() -> None:
    assert write_outputs(OUTPUTS, by_row=True) == (
        b'{"predictions": [{"data_bytes": {"b64": "/w=="}, "y": [1.5, 2.0]}]}'
    )  # fmt: skip
    assert write_outputs(OUTPUTS, by_row=False) == (
        b'{"outputs": {"data_bytes": [{"b64": "/w=="}], "y": [[1.5, 2.0]]}}'
    )  # fmt: skip
    assert write_outputs({"y": np.float32([1, 2])}, by_row=True) == b'{"predictions": [1.0, 2.0]}'
    assert write_outputs({"y": np.float32(1)}, by_row=False) == b'{"outputs": 1.0}'


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({}, "Cannot convert empty tensor map to JSON"),
        ({"y": np.float32(1)}, "Tensor name: y has no shape information "),
        ({"y": np.zeros(0)}, "Tensor name: y has invalid batch size: 0"),
        ({"y": np.zeros(2), "z": np.zeros(1)}, "Tensor name: z has inconsistent batch size: 1 expecting: 2"),
    ],
)
def test_outputs_that_are_not_rows(outputs: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ServingError) as raised:
        write_outputs(outputs, by_row=True)
    assert raised.value.message == message
