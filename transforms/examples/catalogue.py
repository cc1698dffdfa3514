"""Examples of the item catalogue that matchers retrieve from: one per item, in the form of all other examples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa
import tensorflow as tf
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from interestflow.transforms import feature_names
from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.examples.arrow import single_values, to_arrow
from interestflow.transforms.examples.attributes import row_index
from interestflow.transforms.examples.catalogue_counts import CatalogueCounts
from interestflow.transforms.examples.entities import Entities
from interestflow.transforms.examples.shard import BATCH
from interestflow.transforms.examples.tfrecord_writer import ExampleFile
from interestflow.transforms.feature_spec import label_features, raw_feature_spec
from interestflow.transforms.reading.entities import read_attributes

MISSING: dict[tf.DType, bytes | float | int] = {tf.string: b"", tf.float32: float("nan"), tf.int64: 0}
ARROW_TYPES: dict[tf.DType, pa.DataType] = {
    tf.string: pa.large_binary(),
    tf.float32: pa.float32(),
    tf.int64: pa.int64(),
}


def write_items(_: None, config: IngestionConfig, folder: str, catalogue: CatalogueCounts) -> int:
    """Write the examples of all items into one file in `folder`, and return their number."""
    table = read_attributes(config, "items")
    entities = Entities.from_frame(None if table is None else table.frame, config.features.attributes_of("items"))
    encoder, count = RecordBatchToExamplesEncoder(), 0
    with ExampleFile(f"{folder}/data_tfrecord-00000-of-00001.gz") as file:
        for batch in item_batches(config, entities, catalogue):
            file.write(encoder.encode(batch))
            count += batch.num_rows
    return count


def item_batches(
    config: IngestionConfig, items: Entities, catalogue: CatalogueCounts, size: int = BATCH
) -> Iterator[pa.RecordBatch]:
    """Yield an example for each item of the table, in its order, then for those of the training window it lacks.

    An example has every feature of `raw_feature_spec`: the item and its attributes; all other features are missing,
    that is, no user, no history, no label.

    Args:
        config: the configuration of the log.
        items: ids and attributes of the table; no ids if there is no table.
        catalogue: the items of the training window.
        size: examples in a batch.
    """
    unlisted = catalogue.items.filter(~catalogue.items.is_in(items.ids.to_list())).sort()
    ids = pl.concat([items.ids, unlisted])
    is_cold = row_index(ids, catalogue.items) == len(catalogue.items)
    for start in range(0, len(ids), size):
        part = slice(start, start + size)
        yield _batch(config, items, ids[part], is_cold[part], start)


def _batch(config: IngestionConfig, items: Entities, ids: pl.Series, is_cold: np.ndarray, start: int) -> pa.RecordBatch:
    """Build the examples of consecutive items, starting with item `start`."""
    count = len(ids)
    item_row = pa.array(np.minimum(np.arange(start, start + count), len(items.ids)))
    values: dict[str, pa.Array] = {
        feature_names.ITEM: to_arrow(ids),
        feature_names.SAMPLING_PROBABILITY: pa.array(np.ones(count, np.float32)),
        feature_names.SLICE_ITEM: to_arrow(pl.Series(["known", "cold"]).gather(is_cold.astype(np.int64))),
    }
    for attribute in config.features.attributes_of("items"):
        if "target" in attribute.use:
            values[attribute.name] = items.values.target[attribute.name].take(item_row)
    labels = label_features(config)
    columns = {}
    for name, feature in raw_feature_spec(config, with_labels=True).items():
        is_list = isinstance(feature, tf.io.VarLenFeature)
        dtype = tf.as_dtype(feature.dtype)
        if name in values:
            columns[name] = values[name] if is_list else single_values(values[name])
        elif is_list:
            nothing = pa.array([], ARROW_TYPES[dtype])
            columns[name] = pa.LargeListArray.from_arrays(pa.array(np.zeros(count + 1, np.int64)), nothing)
        else:
            value = 0.0 if name in labels else MISSING[dtype]
            columns[name] = single_values(pa.array([value] * count, ARROW_TYPES[dtype]))
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
