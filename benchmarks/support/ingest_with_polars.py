"""The ingestion job in Polars only, without Beam, with the same encoder and the same kind of files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from interestflow.transforms.config import ENTITY_TABLES, IngestionConfig
from interestflow.transforms.examples.arrow import single_values, to_arrow
from interestflow.transforms.examples.example_columns import HISTORY_BOUNDS, HISTORY_NAMES
from interestflow.transforms.examples.tfrecord_writer import ExampleFile
from interestflow.transforms.feature_names import SLICE_HISTORY, SLICE_ITEM, SLICE_USER
from interestflow.transforms.reading.conditions import is_selected
from interestflow.transforms.reading.entities import read_attributes
from interestflow.transforms.reading.events import read_events
from interestflow.transforms.reading.files import list_files
from interestflow.transforms.splits import SPLITS, Boundaries, find_boundaries


def ingest_with_polars(config: IngestionConfig, folder: Path) -> dict[str, float]:
    """Write the examples into `folder`; the durations of parts are not measured."""
    task, length = config.tasks[0], config.sequence.max_length
    events = _events(config).sort("user", "timestamp", "order")
    for name in ENTITY_TABLES:
        attributes = config.features.attributes_of(name)
        table = read_attributes(config, name) if attributes else None
        if table is None:
            continue
        frame = table.frame.select("id", *(_texts(a.source_column).alias(f"__{a.name}") for a in attributes))
        events = events.join(frame, left_on=name[:-1], right_on="id", how="left", maintain_order="left")
    attribute_columns = [_texts(a.source_column).alias(f"__{a.name}") for a in config.features.attributes_of("events")]
    events = events.with_columns(
        *attribute_columns,
        pl.when(is_selected(task.label, config.data.events.event_type))
        .then(1.0)
        .otherwise(0.0)
        .cast(pl.Float32)
        .alias("__label"),
    )
    behaviour = is_selected(config.sequence.behaviours, config.data.events.event_type)
    boundaries = _boundaries(events.get_column("timestamp").to_numpy(), config)
    # Of simultaneous events none is before another: each counts the behaviours before the first of them.
    events = events.with_columns(behaviour.cast(pl.Int64).alias("__behaviour"))
    earlier = pl.col("__behaviour").cum_sum().over("user") - pl.col("__behaviour")
    events = events.with_columns(earlier.alias("__earlier"), pl.col("__behaviour").cum_sum().alias("__all"))
    events = events.with_columns(pl.col("__earlier").first().over("user", "timestamp").alias("__count"))
    events = events.with_columns(
        (pl.col("__all").first() - pl.col("__behaviour").first()).over("user").alias("__before_user")
    )
    behaviours = events.filter(pl.col("__behaviour") == 1)
    stop = pl.col("__before_user") + pl.col("__count")
    events = events.with_columns(
        stop.alias("__stop"), pl.max_horizontal(pl.col("__before_user"), stop - length).alias("__start")
    )
    in_training = events.filter(pl.col("timestamp") < boundaries.validation)
    known_items, known_users = in_training["item"].unique(), in_training["user"].unique()
    encoder = RecordBatchToExamplesEncoder()
    split_index = pl.Series(boundaries.split_of(events.get_column("timestamp").to_numpy()))
    for index, split in enumerate(SPLITS):
        (folder / f"Split-{split}").mkdir(parents=True, exist_ok=True)
        with ExampleFile(str(folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz")) as file:
            for chunk in events.filter(split_index == index).iter_slices(16_384):
                file.write(encoder.encode(_polars_batch(chunk, behaviours, config, known_items, known_users)))
    return {}


def _polars_batch(
    chunk: pl.DataFrame, behaviours: pl.DataFrame, config: IngestionConfig, items: pl.Series, users: pl.Series
) -> pa.RecordBatch:
    task = config.tasks[0]
    ranges = chunk.select(pl.int_ranges("__start", "__stop")).to_series()
    flat = ranges.list.explode(keep_nulls=False, empty_as_null=False)
    past = behaviours.select("item", "timestamp", *(f"__{a.name}" for a in config.features.history_attributes()))[flat]
    lengths = ranges.list.len().to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))
    age = (np.repeat(chunk["timestamp"].to_numpy(), lengths) - past["timestamp"].to_numpy()) // 1_000_000
    columns: dict[str, pa.Array] = {"history_item": to_arrow(past["item"]), "history_age": pa.array(age)}
    for attribute in config.features.history_attributes():
        columns[f"history_{attribute.name}"] = to_arrow(past[f"__{attribute.name}"].fill_null(""))
    columns = {name: pa.LargeListArray.from_arrays(offsets, values) for name, values in columns.items()}
    single_columns = {
        "user": to_arrow(chunk["user"]), "item": to_arrow(chunk["item"]),
        "timestamp": pa.array(chunk["timestamp"].to_numpy()), "history_count": pa.array(chunk["__count"].to_numpy()),
        f"label_{task.name}": pa.array(chunk["__label"].to_numpy()),
        "sampling_probability": pa.array(np.ones(chunk.height, np.float32)),
    }  # fmt: skip
    length = np.digitize(chunk["__count"].to_numpy(), HISTORY_BOUNDS)
    single_columns[SLICE_HISTORY] = to_arrow(pl.Series(HISTORY_NAMES).gather(length))
    for name, column, known, words in (
        (SLICE_USER, "user", users, ("known", "new")),
        (SLICE_ITEM, "item", items, ("known", "cold")),
    ):
        is_known = chunk[column].is_in(known.implode())
        single_columns[name] = to_arrow(
            pl.select(pl.when(is_known).then(pl.lit(words[0])).otherwise(pl.lit(words[1]))).to_series()
        )
    for attribute in config.features.target_attributes():
        values = chunk[f"__{attribute.name}"].fill_null("")
        if attribute.kind == "categorical_list":
            columns[attribute.name] = to_arrow(values.str.split(attribute.separator))
        elif attribute.kind == "numeric":
            single_columns[attribute.name] = pa.array(
                values.cast(pl.Float32, strict=False).fill_null(float("nan")).to_numpy()
            )
        else:
            single_columns[attribute.name] = to_arrow(values)
    columns |= {name: single_values(values) for name, values in single_columns.items()}
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def _boundaries(times: np.ndarray, config: IngestionConfig) -> Boundaries:
    return find_boundaries(*np.unique(times, return_counts=True), config.split, config.data.events)


def _events(config: IngestionConfig) -> pl.DataFrame:
    files = list_files(config.data.events, config.data.folder)
    return pl.concat([table.frame for index, path in enumerate(files) for table in read_events(path, index, config)])


def _texts(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String).fill_null("")
