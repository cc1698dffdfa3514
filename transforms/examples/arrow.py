"""Columns of examples in the Arrow types that TFX's encoder takes."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa


def to_arrow(values: pl.Series) -> pa.Array:
    """Convert a series to Arrow; text becomes bytes, which is what `tf.Example` holds."""
    array = values.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    if pa.types.is_large_string(array.type):
        return array.cast(pa.large_binary())
    if pa.types.is_large_list(array.type):
        return array.cast(pa.large_list(pa.large_binary()))
    return array


def single_values(values: pa.Array) -> pa.Array:
    """Return a list of one value for each example, which is the form that the encoder takes."""
    return pa.LargeListArray.from_arrays(pa.array(np.arange(len(values) + 1)), values)
