"""A table of items or users becomes ids and values of attributes."""

from __future__ import annotations

import polars as pl

from interestflow.transforms.config import AttributeConfig
from interestflow.transforms.examples.entities import Entities

COLOUR = AttributeConfig.model_validate({"name": "colour", "from": "items"})


def test_values_have_a_last_row_for_ids_that_are_not_in_the_table() -> None:
    entities = Entities.from_frame(pl.DataFrame({"id": ["a", "b"], "colour": ["red", None]}), (COLOUR,))
    assert entities.ids.to_list() == ["a", "b"]
    assert entities.values.target["colour"].to_pylist() == [b"red", b"", b""]


def test_without_a_table_there_are_no_entities() -> None:
    entities = Entities.from_frame(None, ())
    assert entities.ids.to_list() == []
    assert entities.values.target == entities.values.history == {}
