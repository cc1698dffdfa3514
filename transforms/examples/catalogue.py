"""One example an item: the catalogue that matchers retrieve from, in the form of all other examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import tensorflow as tf
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from interestflow.transforms import feature_names
from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.examples.attributes import as_arrow, row_of
from interestflow.transforms.examples.shard import BATCH, Catalogue, Entities
from interestflow.transforms.examples.tfrecord_writer import ExampleFile
from interestflow.transforms.feature_spec import raw_feature_spec
from interestflow.transforms.reading.tables import read_attributes

ITEMS_SPLIT = "items"
"""The split of these examples, beside train, validation and test."""
MISSING: dict[Any, Any] = {tf.string: b"", tf.float32: float("nan"), tf.int64: 0}
ARROW_TYPES: dict[Any, pa.DataType] = {tf.string: pa.large_binary(), tf.float32: pa.float32(), tf.int64: pa.int64()}


def write_items(_: None, config: IngestionConfig, folder: str, catalogue: Catalogue) -> int:
    """Writes the examples of all items into one file in `folder`; returns how many there are."""
    table = read_attributes(config, "items")
    entities = Entities.of(None if table is None else table.frame, config.features.of_source("items"))
    encoder, count = RecordBatchToExamplesEncoder(), 0
    with ExampleFile(f"{folder}/data_tfrecord-00000-of-00001.gz") as file:
        for batch in item_batches(config, entities, catalogue):
            file.write(encoder.encode(batch))
            count += batch.num_rows
    return count


def item_batches(
    config: IngestionConfig, items: Entities, catalogue: Catalogue, size: int = BATCH
) -> Iterator[pa.RecordBatch]:
    """An example for each item of the table, in its order, then for those of the training window that it lacks.

    An example has every feature of `raw_feature_spec`: the item and its attributes, and all else missing: no user, no
    history, no label.

    Args:
        config: of the log.
        items: ids and attributes of the table; none where there is no table.
        catalogue: the items of the training window.
        size: examples a batch.
    """
    unlisted = catalogue.items.filter(~catalogue.items.is_in(items.ids.to_list())).sort()
    ids = pl.concat([items.ids, unlisted])
    is_cold = row_of(ids, catalogue.items) == len(catalogue.items)
    for start in range(0, len(ids), size):
        part = slice(start, start + size)
        yield _batch(config, items, ids[part], is_cold[part], start)


def _batch(config: IngestionConfig, items: Entities, ids: pl.Series, is_cold: np.ndarray, start: int) -> pa.RecordBatch:
    count = len(ids)
    place = pa.array(np.minimum(np.arange(start, start + count), len(items.ids)))
    known: dict[str, pa.Array] = {
        feature_names.ITEM: as_arrow(ids),
        feature_names.SAMPLING_PROBABILITY: pa.array(np.ones(count, np.float32)),
        feature_names.SLICE_ITEM: as_arrow(pl.Series(["known", "cold"]).gather(is_cold.astype(np.int64))),
    }
    for attribute in config.features.of_source("items"):
        if "target" in attribute.use:
            known[attribute.name] = items.values.target[attribute.name].take(place)
    labels = [name for task in config.tasks for name in (feature_names.label(task.name), feature_names.mask(task.name))]
    columns = {}
    for name, feature in raw_feature_spec(config, with_labels=True).items():
        is_list = isinstance(feature, tf.io.VarLenFeature)
        dtype = tf.as_dtype(feature.dtype)
        if name in known:
            columns[name] = known[name] if is_list else _single(known[name])
        elif is_list:
            nothing = pa.array([], ARROW_TYPES[dtype])
            columns[name] = pa.LargeListArray.from_arrays(pa.array(np.zeros(count + 1, np.int64)), nothing)
        else:
            value = 0.0 if name in labels else MISSING[dtype]
            columns[name] = _single(pa.array([value] * count, ARROW_TYPES[dtype]))
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def _single(values: pa.Array) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array(np.arange(len(values) + 1)), values)
