"""The description of an exported model, which clients read."""

from __future__ import annotations

import json

import pytest

from interestflow.serving.description import Description, sized_rank_signature

DESCRIPTION = Description({"history_item": 50}, (10, 100), 64, ("item", "user"))


def test_json_is_read_back() -> None:
    text = json.dumps(DESCRIPTION.as_json())
    assert json.loads(text)["format"] == 1
    assert Description.from_json(text) == DESCRIPTION
    assert Description.from_json(text.encode()) == DESCRIPTION
    assert Description.from_json(DESCRIPTION.as_json()) == DESCRIPTION


def test_a_later_format_is_unknown() -> None:
    assert Description.from_json({"format": 2}) is None
    assert Description.from_json({}) is None


def test_a_part_that_lacks_is_an_error() -> None:
    content = DESCRIPTION.as_json()
    del content["max_rows"]
    with pytest.raises(KeyError, match="max_rows"):
        Description.from_json(content)


def test_each_size_has_a_signature() -> None:
    assert [sized_rank_signature(size) for size in DESCRIPTION.candidate_sizes] == ["rank_10", "rank_100"]
