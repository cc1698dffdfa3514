"""Ids of items or users with the values of their attributes."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from interestflow.transforms.config import AttributeConfig
from interestflow.transforms.examples.attributes import AttributeValues, attribute_values
from interestflow.transforms.reading.columns import ENTITY


@dataclass(frozen=True)
class Entities:
    """Items or users.

    Attributes:
        ids: their ids.
        values: the values of their attributes by row, with a last row for ids that are not in the table.
    """

    ids: pl.Series
    values: AttributeValues

    @classmethod
    def from_frame(cls, frame: pl.DataFrame | None, attributes: tuple[AttributeConfig, ...]) -> Entities:
        """Return the entities of a table, as `read_entities` returns it; without rows if there is no table."""
        if frame is None:
            return cls(pl.Series([], dtype=pl.String), AttributeValues({}, {}, {}))
        return cls(frame.get_column(ENTITY), attribute_values(frame, attributes))
