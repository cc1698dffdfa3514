"""Values of attributes as examples hold them: with the target, and along the history."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from interestflow.transforms.config import AttributeConfig
from interestflow.transforms.examples.arrow import to_arrow
from interestflow.transforms.reading.columns import frame_column

MISSING_NUMBER = float("nan")


@dataclass(frozen=True)
class AttributeValues:
    """Arrow arrays by attribute, one longer than their table: the last row stands for a missing id.

    Attributes:
        target: text, numbers or lists of text.
        history: text or numbers; a list is one text, joined by its separator.
        unreadable: by attribute, the number of cells that should be a number and are not; they count as missing.
    """

    target: dict[str, pa.Array]
    history: dict[str, pa.Array]
    unreadable: dict[str, int]


def attribute_values(frame: pl.DataFrame, attributes: Iterable[AttributeConfig]) -> AttributeValues:
    """Return the values of attributes for every row of `frame`, and for a missing one.

    Args:
        frame: events, items or users, as the readers return them.
        attributes: attributes of this source.
    """
    target, history, unreadable = {}, {}, {}
    for attribute in attributes:
        column = frame.get_column(frame_column(attribute.source_column))
        if attribute.kind == "numeric":
            numbers = column.cast(pl.Float64, strict=False)
            unreadable[attribute.name] = numbers.null_count() - column.null_count()
            values = _append(numbers.cast(pl.Float32).fill_null(MISSING_NUMBER), MISSING_NUMBER)
            along_history = values
        elif attribute.kind == "categorical":
            values = along_history = _append(column.cast(pl.String).fill_null(""), "")
        else:
            lists = _lists(column, attribute.separator)
            values = _append(lists, [])
            along_history = _append(lists.list.join(attribute.separator), "")
        if "target" in attribute.use:
            target[attribute.name] = to_arrow(values)
        if "history" in attribute.use:
            history[attribute.name] = to_arrow(along_history)
    return AttributeValues(target, history, {name: count for name, count in unreadable.items() if count})


def row_index(ids: pl.Series, known: pl.Series) -> np.ndarray:
    """Return the index of each id in `known`, whose values are distinct, int64 [N]; `len(known)` if it is not there."""
    table = pl.DataFrame({"id": known, "row": np.arange(len(known), dtype=np.int64)})
    joined = pl.DataFrame({"id": ids}).join(table, on="id", how="left", maintain_order="left")
    return joined.get_column("row").fill_null(len(known)).to_numpy()


def _lists(column: pl.Series, separator: str) -> pl.Series:
    """Return lists of text without empty values, from lists, JSON arrays, or text split at the separator."""
    if isinstance(column.dtype, pl.List):
        lists = column.cast(pl.List(pl.String))
    else:
        texts = column.cast(pl.String)
        lists = texts.str.split(separator)
        candidates = texts.filter(texts.str.starts_with("[") & texts.str.ends_with("]")).unique().to_list()
        arrays = {text: values for text in candidates if (values := parse_json_array(text)) is not None}
        if arrays:
            frame = pl.DataFrame({"text": texts, "split": lists})
            table = pl.DataFrame(
                {"text": list(arrays), "array": list(arrays.values())},
                schema={"text": pl.String, "array": pl.List(pl.String)},
            )
            joined = frame.join(table, on="text", how="left", maintain_order="left")
            lists = joined.select(pl.coalesce("array", "split")).to_series()
    frame = pl.DataFrame({"values": lists.fill_null([])})
    is_present = pl.element().is_not_null() & (pl.element() != "")
    return frame.select(pl.col("values").list.eval(pl.element().filter(is_present))).get_column("values")


def parse_json_array(text: str) -> list[str] | None:
    """Return the values of a JSON array as text, without nulls; None if `text` is not a JSON array."""
    if not text.startswith("["):
        return None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, list):
        return None
    return [value if isinstance(value, str) else _json_text(value) for value in values if value is not None]


def _json_text(value: object) -> str:
    """Return a JSON value as text; a whole number has no decimal point."""
    normalized = int(value) if isinstance(value, float) and value.is_integer() else value
    return json.dumps(normalized, ensure_ascii=False)


def _append(values: pl.Series, last: object) -> pl.Series:
    """Append one value to a series."""
    return pl.concat([values, pl.Series([last], dtype=values.dtype)])
