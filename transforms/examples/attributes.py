"""The values of attributes as examples hold them: beside the target, and along the history."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from interestflow.transforms.config import AttributeConfig
from interestflow.transforms.reading.columns import own_column

MISSING_NUMBER = float("nan")


@dataclass(frozen=True)
class AttributeValues:
    """Arrow arrays by attribute, as long as their table plus one: the last row is what is missing.

    target: text, numbers or lists of text. history: text or numbers; a list is one text, joined by its separator.
    unreadable: by attribute, how many cells should be a number and are not; they count as missing.
    """

    target: dict[str, pa.Array]
    history: dict[str, pa.Array]
    unreadable: dict[str, int]


def attribute_values(frame: pl.DataFrame, attributes: Iterable[AttributeConfig]) -> AttributeValues:
    """The values of these attributes, all of one source, for every row of `frame` and one more."""
    target, history, unreadable = {}, {}, {}
    for attribute in attributes:
        column = frame.get_column(own_column(attribute.source_column))
        if attribute.kind == "numeric":
            numbers = column.cast(pl.Float64, strict=False)
            unreadable[attribute.name] = numbers.null_count() - column.null_count()
            values = _with_last(numbers.cast(pl.Float32).fill_null(MISSING_NUMBER), MISSING_NUMBER)
            along = values
        elif attribute.kind == "categorical":
            values = along = _with_last(column.cast(pl.String).fill_null(""), "")
        else:
            lists = _lists(column, attribute.separator)
            values = _with_last(lists, [])
            along = _with_last(lists.list.join(attribute.separator), "")
        if "target" in attribute.use:
            target[attribute.name] = as_arrow(values)
        if "history" in attribute.use:
            history[attribute.name] = as_arrow(along)
    return AttributeValues(target, history, {name: count for name, count in unreadable.items() if count})


def row_of(ids: pl.Series, known: pl.Series) -> np.ndarray:
    """int64 [N]: where each of `ids` stands in `known`, whose values are distinct; `len(known)` where it does not."""
    table = pl.DataFrame({"id": known, "row": np.arange(len(known), dtype=np.int64)})
    found = pl.DataFrame({"id": ids}).join(table, on="id", how="left", maintain_order="left")
    return found.get_column("row").fill_null(len(known)).to_numpy()


def _lists(column: pl.Series, separator: str) -> pl.Series:
    """Lists as they are; in text, values with the separator between them, or a JSON array."""
    if isinstance(column.dtype, pl.List):
        lists = column.cast(pl.List(pl.String))
    else:
        texts = column.cast(pl.String)
        lists = texts.str.split(separator)
        arrays = texts.filter(texts.str.starts_with("[") & texts.str.ends_with("]")).unique().to_list()
        decoded = {text: values for text in arrays if (values := json_array(text)) is not None}
        if decoded:
            frame = pl.DataFrame({"text": texts, "split": lists})
            table = pl.DataFrame(
                {"text": list(decoded), "array": list(decoded.values())},
                schema={"text": pl.String, "array": pl.List(pl.String)},
            )
            joined = frame.join(table, on="text", how="left", maintain_order="left")
            lists = joined.select(pl.coalesce("array", "split")).to_series()
    frame = pl.DataFrame({"values": lists.fill_null([])})
    present = pl.element().is_not_null() & (pl.element() != "")
    return frame.select(pl.col("values").list.eval(pl.element().filter(present))).get_column("values")


def json_array(text: str) -> list[str] | None:
    """The values of a JSON array as text, without those that are null; None where `text` is none."""
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
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    return json.dumps(whole, ensure_ascii=False)


def _with_last(values: pl.Series, last: object) -> pl.Series:
    return pl.concat([values, pl.Series([last], dtype=values.dtype)])


def as_arrow(values: pl.Series) -> pa.Array:
    """In Arrow, text as bytes, which is what `tf.Example` holds."""
    array = values.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    if pa.types.is_large_string(array.type):
        return array.cast(pa.large_binary())
    if pa.types.is_large_list(array.type):
        return array.cast(pa.large_list(pa.large_binary()))
    return array
