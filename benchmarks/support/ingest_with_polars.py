"""The ingestion job in Polars only, without Beam, with the same encoder and the same kind of files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.examples.tfrecord_writer import ExampleFile
from interestflow.transforms.feature_names import SLICE_HISTORY, SLICE_ITEM, SLICE_USER
from interestflow.transforms.reading.conditions import is_selected
from interestflow.transforms.reading.entities import read_entities
from interestflow.transforms.reading.events import read_events
from interestflow.transforms.reading.files import list_files
from interestflow.transforms.splits import SPLITS, Boundaries, find_boundaries

LENGTHS = ((0, "0"), (4, "1-4"), (19, "5-19"), (49, "20-49"), (10**9, "50+"))
"""Largest history length of each slice, and its name."""


def ingest_with_polars(config: IngestionConfig, folder: Path) -> dict[str, float]:
    """Write the examples into `folder`; the durations of parts are not measured."""
    task, length = config.tasks[0], config.sequence.max_length
    events = _events(config).sort("user", "timestamp", "order")
    for name in ("items", "users"):
        table = getattr(config.data, name)
        attributes = config.features.attributes_of(name)
        if table is None or not attributes:
            continue
        frame = read_entities(table, config.data.folder, [a.source_column for a in attributes]).frame
        columns = [_texts(frame, a.source_column).alias(f"__{a.name}") for a in attributes]
        frame = frame.select("id", *columns)
        events = events.join(frame, left_on=name[:-1], right_on="id", how="left", maintain_order="left")
    attribute_columns = [
        _texts(events, a.source_column).alias(f"__{a.name}") for a in config.features.attributes_of("events")
    ]
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
    for split, mask in zip(SPLITS, _split_masks(events, boundaries), strict=True):
        (folder / f"Split-{split}").mkdir(parents=True, exist_ok=True)
        with ExampleFile(str(folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz")) as file:
            for chunk in events.filter(mask).iter_slices(16_384):
                file.write(encoder.encode(_polars_batch(chunk, behaviours, config, known_items, known_users)))
    return {}


def _split_masks(events: pl.DataFrame, boundaries: Boundaries) -> list[pl.Expr]:
    time_column = pl.col("timestamp")
    first, second = boundaries.validation, boundaries.test
    return [time_column < first, (time_column >= first) & (time_column < second), time_column >= second]


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
    columns: dict[str, pa.Array] = {"history_item": _bytes(past["item"]), "history_age": pa.array(age)}
    for attribute in config.features.history_attributes():
        columns[f"history_{attribute.name}"] = _bytes(past[f"__{attribute.name}"].fill_null(""))
    columns = {name: pa.LargeListArray.from_arrays(offsets, values) for name, values in columns.items()}
    single_columns = {
        "user": _bytes(chunk["user"]), "item": _bytes(chunk["item"]),
        "timestamp": pa.array(chunk["timestamp"].to_numpy()), "history_count": pa.array(chunk["__count"].to_numpy()),
        f"label_{task.name}": pa.array(chunk["__label"].to_numpy()),
        "sampling_probability": pa.array(np.ones(chunk.height, np.float32)),
    }  # fmt: skip
    bounds = [limit for limit, _ in LENGTHS]
    names = pl.Series([name for _, name in LENGTHS])
    single_columns[SLICE_HISTORY] = _bytes(names.gather(np.searchsorted(bounds, chunk["__count"].to_numpy())))
    for name, column, known, words in (
        (SLICE_USER, "user", users, ("known", "new")),
        (SLICE_ITEM, "item", items, ("known", "cold")),
    ):
        is_known = chunk[column].is_in(known.implode())
        single_columns[name] = _bytes(
            pl.select(pl.when(is_known).then(pl.lit(words[0])).otherwise(pl.lit(words[1]))).to_series()
        )
    for attribute in config.features.target_attributes():
        values = chunk[f"__{attribute.name}"].fill_null("")
        if attribute.kind == "categorical_list":
            lists = values.str.split(attribute.separator).rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
            columns[attribute.name] = lists.cast(pa.large_list(pa.large_binary()))
        elif attribute.kind == "numeric":
            single_columns[attribute.name] = pa.array(
                values.cast(pl.Float32, strict=False).fill_null(float("nan")).to_numpy()
            )
        else:
            single_columns[attribute.name] = _bytes(values)
    one = pa.array(np.arange(chunk.height + 1))
    columns |= {name: pa.LargeListArray.from_arrays(one, values) for name, values in single_columns.items()}
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def _bytes(texts: pl.Series) -> pa.Array:
    return texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.large_binary())


def _boundaries(times: np.ndarray, config: IngestionConfig) -> Boundaries:
    return find_boundaries(*np.unique(times, return_counts=True), config.split, config.data.events)


def _events(config: IngestionConfig) -> pl.DataFrame:
    files = list_files(config.data.events, config.data.folder)
    return pl.concat([table.frame for index, path in enumerate(files) for table in read_events(path, index, config)])


def _texts(frame: pl.DataFrame, name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String).fill_null("")
