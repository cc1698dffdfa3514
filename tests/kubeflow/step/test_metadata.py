"""Metadata that the backend wrapped and extended becomes what was written, and what is written can be stored."""

from __future__ import annotations

import math

import pytest

from interestflow.kubeflow.step.metadata import received_metadata, sent_metadata


def same(text: str) -> str:
    return text


@pytest.mark.parametrize(
    ("wrapped", "value"),
    [
        ({"struct": {"train": 1, "test": 0}}, {"train": 1, "test": 0}),
        ({"list": [1, "a"]}, [1, "a"]),
        ({"struct": {"struct": {"a": 1}}}, {"struct": {"a": 1}}),
        ({"struct": {}}, {}),
        ({"list": []}, []),
        ({"struct": [1]}, {"struct": [1]}),
        ({"list": {"a": 1}}, {"list": {"a": 1}}),
        ({"struct": {"a": 1}, "list": [1]}, {"struct": {"a": 1}, "list": [1]}),
        ("text", "text"),
        (1.5, 1.5),
    ],
)
def test_only_the_wrapper_is_removed(wrapped: object, value: object) -> None:
    assert received_metadata({"key": wrapped}, same) == {"key": value}


def test_the_additions_of_the_backend_and_nulls_are_removed() -> None:
    metadata = {"display_name": "model", "store_session_info": "{}", "span": 0, "nothing": None}
    assert received_metadata(metadata, same) == {"span": 0}


def test_texts_are_converted_wherever_they_stand() -> None:
    metadata = {"a": "x", "b": {"struct": {"c": ["x", 1, {"d": "x"}]}}}
    converted = {"a": "X", "b": {"c": ["X", 1, {"d": "X"}]}}
    assert received_metadata(metadata, str.upper) == converted
    assert sent_metadata({"a": "x", "b": {"c": ["x", 1, {"d": "x"}]}}, str.upper) == (converted, [])


def test_what_the_backend_cannot_hold_is_left_out_and_reported() -> None:
    metadata = {
        "blessed": 0, "empty": "", "nothing": None, "nan": math.nan, "inf": -math.inf, "deep": {"a": [math.nan]},
        "sure": False, "inner": {"a": None},
    }  # fmt: skip
    sent, omitted = sent_metadata(metadata, same)
    assert sent == {"blessed": 0, "empty": "", "sure": False, "inner": {"a": None}}
    assert omitted == ["nothing", "nan", "inf", "deep"]
