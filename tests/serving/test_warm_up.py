"""Warm-up requests: their file, their signatures and their shapes."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import tensorflow as tf

from interestflow.serving.client.metadata import Metadata, Signature, TensorInfo
from interestflow.serving.description import Description
from interestflow.serving.raw_inputs import RawInput
from interestflow.serving.warm_up import (
    DEFAULT_DESCRIPTION,
    MAX_REQUESTS,
    WARM_UP,
    read_warm_up,
    synthetic_row,
    warm_up_requests,
    write_warm_up,
)

INPUTS = (
    RawInput("device", "string", "value", ""),
    RawInput("hour", "int64", "value", 0),
    RawInput("history_item", "string", "history"),
    RawInput("item", "string", "value", "", "candidate"),
)
USER = {
    "device": TensorInfo("string", (None,)),
    "hour": TensorInfo("int64", (None,)),
    "history_item": TensorInfo("string", (None, None)),
}
ITEM = {"item": TensorInfo("string", (None,))}
RANKED = USER | {"item": TensorInfo("string", (None, None))}
EXAMPLES = Signature({"examples": TensorInfo("string", (None,))}, {})
DESCRIBE = Signature({"rows": TensorInfo("int32", (None,))}, {})
DESCRIPTION = Description({"history_item": 3}, (2, 4), 5)
ROW = synthetic_row(INPUTS, DESCRIPTION)
RANKER = Metadata(
    1,
    {
        "serving_default": EXAMPLES,
        "predict": Signature(USER | ITEM, {}),
        "rank": Signature(RANKED, {}),
        "rank_2": Signature(RANKED, {}),
        "rank_4": Signature(RANKED, {}),
        "describe": DESCRIBE,
    },
    DESCRIPTION,
)
MATCHER = Metadata(
    1,
    {
        "encode_user": Signature(USER, {}),
        "encode_items": Signature(ITEM, {}),
        "retrieve": Signature(USER | {"k": TensorInfo("int32", (None,))}, {}),
    },
    DESCRIPTION,
)


def shapes(metadata: Metadata) -> list[tuple[str, dict[str, list[int]]]]:
    """Return the signature and shapes of each warm-up request."""
    return [
        (
            request.model_spec.signature_name,
            {name: [dim.size for dim in proto.tensor_shape.dim] for name, proto in sorted(request.inputs.items())},
        )
        for request in warm_up_requests("shop", metadata, INPUTS, [ROW])
    ]


def test_a_synthetic_row_is_full() -> None:
    assert ROW == {"device": "0", "hour": 1, "history_item": ["0", "0", "0"], "item": "0"}


def test_every_signature_of_a_ranker_is_asked_in_the_shapes_of_clients() -> None:
    def rows(count: int) -> dict[str, list[int]]:
        return {"device": [count], "history_item": [count, 3], "hour": [count], "item": [count]}

    def ranked(count: int) -> dict[str, list[int]]:
        return {"device": [1], "history_item": [1, 3], "hour": [1], "item": [1, count]}

    assert shapes(RANKER) == [
        ("serving_default", {"examples": [1]}),
        ("predict", rows(1)),
        ("serving_default", {"examples": [5]}),
        ("predict", rows(5)),
        ("rank", ranked(2)),
        ("rank_2", ranked(2)),
        ("rank_4", ranked(4)),
        ("describe", {"rows": [1]}),
    ]


def test_every_signature_of_a_matcher_is_asked() -> None:
    user = {"device": [1], "history_item": [1, 3], "hour": [1]}
    users = {"device": [5], "history_item": [5, 3], "hour": [5]}
    assert shapes(MATCHER) == [
        ("encode_user", user),
        ("encode_items", {"item": [1]}),
        ("encode_user", users),
        ("encode_items", {"item": [5]}),
        ("retrieve", {**user, "k": [1]}),
        ("retrieve", {**user, "k": [1]}),
    ]
    counts = [
        tf.make_ndarray(request.inputs["k"]).tolist()
        for request in warm_up_requests("shop", MATCHER, INPUTS, [ROW])
        if "k" in request.inputs
    ]
    assert counts == [[10], [100]]


def test_a_model_without_a_description_is_asked_in_the_default_shapes() -> None:
    plain = Metadata(1, {"predict": RANKER.signatures["predict"], "rank": RANKER.signatures["rank"]})
    sizes = [shape["item"] for _, shape in shapes(plain)]
    assert sizes == [[1], [DEFAULT_DESCRIPTION.max_rows], [1, 1], [1, 1], [1, 100]]


def test_the_file_is_read_back(tmp_path: Path) -> None:
    requests = list(warm_up_requests("shop", RANKER, INPUTS, [ROW]))
    assert write_warm_up(tmp_path, requests) == len(requests)
    assert [log.predict_log.request for log in read_warm_up(tmp_path)] == requests
    assert {request.model_spec.name for request in requests} == {"shop"}


def test_a_file_has_no_more_requests_than_servers_accept(tmp_path: Path) -> None:
    request = next(warm_up_requests("shop", RANKER, INPUTS, [ROW]))
    assert write_warm_up(tmp_path, itertools.repeat(request)) == MAX_REQUESTS
    assert sum(1 for _ in read_warm_up(tmp_path)) == MAX_REQUESTS


def test_no_file_has_no_requests_and_another_file_is_an_error(tmp_path: Path) -> None:
    assert list(read_warm_up(tmp_path)) == []
    (tmp_path / WARM_UP).parent.mkdir()
    (tmp_path / WARM_UP).write_bytes(b"no TFRecord file, but a text")
    with pytest.raises(tf.errors.DataLossError):
        list(read_warm_up(tmp_path))
