"""The ingestion job three ways, each run in a process of its own by `benchmarks/ingest.py`.

    blocks      the project's own job: blocks of columns through Beam
    per_event   the same job as plain Beam is usually written: one Python object an event, Beam's own sinks
    polars      the same join in Polars alone, no Beam, through the same encoder into the same kind of files

All read the same configuration of a log of impressions and make the same examples. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import bisect
import json
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import polars as pl
import pyarrow as pa
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from interestflow.pipeline.config import load
from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.examples.tfrecord_writer import ExampleFile
from interestflow.transforms.feature_names import SLICE_HISTORY, SLICE_ITEM, SLICE_USER
from interestflow.transforms.ingestion.job import ingest, remove_scratch
from interestflow.transforms.ingestion.steps import METRICS
from interestflow.transforms.reading.conditions import is_selected
from interestflow.transforms.reading.entities import read_entities
from interestflow.transforms.reading.events import read_events
from interestflow.transforms.reading.files import list_files
from interestflow.transforms.splits import SPLITS, Boundaries, find_boundaries

BEAM_ARGUMENTS = ["--runner=FnApiRunner", "--direct_running_mode=in_memory", "--direct_num_workers=1"]
LENGTHS = ((0, "0"), (4, "1-4"), (19, "5-19"), (49, "20-49"), (10**9, "50+"))


def blocks(config: IngestionConfig, folder: Path) -> dict[str, float]:
    """Microseconds by part, as the job itself counts them."""
    with beam.Pipeline(options=PipelineOptions(BEAM_ARGUMENTS)) as pipeline:
        scratch = ingest(config, pipeline, str(folder), str(folder / "report"))
    remove_scratch(scratch)
    seconds: dict[str, float] = {}
    for counter in pipeline.result.metrics().query()["counters"]:
        if counter.key.metric.namespace == METRICS:
            name = counter.key.metric.name
            seconds[name] = seconds.get(name, 0.0) + counter.committed / 1e6
    return seconds


def _events(config: IngestionConfig) -> pl.DataFrame:
    files = list_files(config.data.events, config.data.folder)
    return pl.concat([table.frame for number, path in enumerate(files) for table in read_events(path, number, config)])


def _texts(frame: pl.DataFrame, name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String).fill_null("")


# --- Polars alone ------------------------------------------------------------------------------------------------


def polars(config: IngestionConfig, folder: Path) -> dict[str, float]:
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
    own = [_texts(events, a.source_column).alias(f"__{a.name}") for a in config.features.attributes_of("events")]
    events = events.with_columns(
        *own,
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
    for split, chosen in zip(SPLITS, _split_masks(events, boundaries), strict=True):
        (folder / f"Split-{split}").mkdir(parents=True, exist_ok=True)
        with ExampleFile(str(folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz")) as file:
            for chunk in events.filter(chosen).iter_slices(16_384):
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
    single = {
        "user": _bytes(chunk["user"]), "item": _bytes(chunk["item"]),
        "timestamp": pa.array(chunk["timestamp"].to_numpy()), "history_count": pa.array(chunk["__count"].to_numpy()),
        f"label_{task.name}": pa.array(chunk["__label"].to_numpy()),
        "sampling_probability": pa.array(np.ones(chunk.height, np.float32)),
    }  # fmt: skip
    bounds = [limit for limit, _ in LENGTHS]
    names = pl.Series([name for _, name in LENGTHS])
    single[SLICE_HISTORY] = _bytes(names.gather(np.searchsorted(bounds, chunk["__count"].to_numpy())))
    for name, column, known, words in (
        (SLICE_USER, "user", users, ("known", "new")),
        (SLICE_ITEM, "item", items, ("known", "cold")),
    ):
        is_known = chunk[column].is_in(known.implode())
        single[name] = _bytes(
            pl.select(pl.when(is_known).then(pl.lit(words[0])).otherwise(pl.lit(words[1]))).to_series()
        )
    for attribute in config.features.target_attributes():
        values = chunk[f"__{attribute.name}"].fill_null("")
        if attribute.kind == "categorical_list":
            lists = values.str.split(attribute.separator).rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
            columns[attribute.name] = lists.cast(pa.large_list(pa.large_binary()))
        elif attribute.kind == "numeric":
            single[attribute.name] = pa.array(values.cast(pl.Float32, strict=False).fill_null(float("nan")).to_numpy())
        else:
            single[attribute.name] = _bytes(values)
    one = pa.array(np.arange(chunk.height + 1))
    columns |= {name: pa.LargeListArray.from_arrays(one, values) for name, values in single.items()}
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def _bytes(texts: pl.Series) -> pa.Array:
    return texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.large_binary())


def _boundaries(times: np.ndarray, config: IngestionConfig) -> Boundaries:
    return find_boundaries(*np.unique(times, return_counts=True), config.split, config.data.events)


# --- one Python object an event --------------------------------------------------------------------------------


def per_event(config: IngestionConfig, folder: Path) -> dict[str, float]:
    tables = {}
    for name in ("items", "users"):
        table = getattr(config.data, name)
        attributes = config.features.attributes_of(name)
        if table is not None:
            frame = read_entities(table, config.data.folder, [a.source_column for a in attributes]).frame
            tables[name] = {row["id"]: row for row in frame.iter_rows(named=True)}
    files = list_files(config.data.events, config.data.folder)
    with beam.Pipeline(options=PipelineOptions(BEAM_ARGUMENTS)) as pipeline:
        events = pipeline | beam.Create(list(enumerate(files))) | "Rows" >> beam.FlatMap(_rows, config)
        times = events | beam.Map(lambda event: event["timestamp"]) | beam.combiners.Count.PerElement()
        boundaries = (
            pipeline
            | "Once" >> beam.Create([None])
            | "Boundaries" >> beam.Map(_boundaries_of, config, beam.pvalue.AsList(times))
        )
        known = {
            key: events
            | f"{key}InTraining" >> beam.FlatMap(_in_training, key, beam.pvalue.AsSingleton(boundaries))
            | f"{key}Once" >> beam.Distinct()
            for key in ("item", "user")
        }
        examples = (
            events
            | "ByUser" >> beam.Map(lambda event: (event["user"], event))
            | "Gather" >> beam.GroupByKey()
            | "Examples" >> beam.FlatMap(
                _user_examples, config, tables, beam.pvalue.AsSingleton(boundaries),
                beam.pvalue.AsDict(known["item"] | "ItemPairs" >> beam.Map(lambda item: (item, True))),
                beam.pvalue.AsDict(known["user"] | "UserPairs" >> beam.Map(lambda user: (user, True))),
            )
        )  # fmt: skip
        parts = examples | beam.Partition(lambda example, _: example[0], len(SPLITS))
        for split, part in zip(SPLITS, parts, strict=True):
            _ = (
                part
                | f"Serialized{split}" >> beam.Map(lambda example: example[1])
                | f"Write{split}" >> beam.io.WriteToTFRecord(
                    str(folder / f"Split-{split}" / "data_tfrecord"), file_name_suffix=".gz"
                )
            )  # fmt: skip
    return {}


def _rows(element: tuple[int, str], config: IngestionConfig) -> Iterator[dict[str, Any]]:
    number, path = element
    for table in read_events(path, number, config):
        yield from table.frame.iter_rows(named=True)


def _boundaries_of(_: None, config: IngestionConfig, times: list[tuple[int, int]]) -> Boundaries:
    ordered = sorted(times)
    return find_boundaries(
        np.array([t for t, _ in ordered]), np.array([n for _, n in ordered]), config.split, config.data.events
    )


def _in_training(event: dict[str, Any], key: str, boundaries: Boundaries) -> Iterable[str]:
    if event["timestamp"] < boundaries.validation:
        yield event[key]


def _user_examples(
    element: tuple[str, Iterable[dict[str, Any]]],
    config: IngestionConfig,
    tables: dict[str, dict[str, dict[str, Any]]],
    boundaries: Boundaries,
    items: dict[str, bool],
    users: dict[str, bool],
) -> Iterator[tuple[int, bytes]]:
    events = sorted(element[1], key=lambda event: (event["timestamp"], event["order"]))
    task, length = config.tasks[0], config.sequence.max_length
    condition = config.sequence.behaviours
    behaviours = [e for e in events if condition.every_event or e[str(condition.column)] == 1]
    times = [behaviour["timestamp"] for behaviour in behaviours]

    def value(event: dict[str, Any], attribute: Any) -> Any:
        row = event if attribute.source == "events" else tables[attribute.source].get(event[attribute.source[:-1]], {})
        return row.get(attribute.source_column)

    for event in events:
        count = bisect.bisect_left(times, event["timestamp"])
        past = behaviours[max(0, count - length) : count]
        example = tf.train.Example()
        feature = example.features.feature
        for name, text in (
            ("user", event["user"]), ("item", event["item"]),
            (SLICE_HISTORY, next(name for limit, name in LENGTHS if count <= limit)),
            (SLICE_USER, "known" if event["user"] in users else "new"),
            (SLICE_ITEM, "known" if event["item"] in items else "cold"),
        ):  # fmt: skip
            feature[name].bytes_list.value.append(text.encode())
        feature["timestamp"].int64_list.value.append(event["timestamp"])
        feature["history_count"].int64_list.value.append(count)
        feature["sampling_probability"].float_list.value.append(1.0)
        label = event[str(task.label.column)]
        label = float(float(label) >= task.label.at_least) if task.label.at_least is not None else float(label)
        feature[f"label_{task.name}"].float_list.value.append(label)
        feature["history_item"].bytes_list.value.extend(past_event["item"].encode() for past_event in past)
        feature["history_age"].int64_list.value.extend(
            (event["timestamp"] - past_event["timestamp"]) // 1_000_000 for past_event in past
        )
        for attribute in config.features.history_attributes():
            texts = [value(past_event, attribute) for past_event in past]
            feature[f"history_{attribute.name}"].bytes_list.value.extend(
                b"" if text is None else str(text).encode() for text in texts
            )
        for attribute in config.features.target_attributes():
            own = value(event, attribute)
            if attribute.kind == "numeric":
                feature[attribute.name].float_list.value.append(float("nan") if own is None else float(own))
            elif attribute.kind == "categorical_list":
                feature[attribute.name].bytes_list.value.extend(
                    t.encode() for t in (own or "").split(attribute.separator)
                )
            else:
                feature[attribute.name].bytes_list.value.append(b"" if own is None else str(own).encode())
        split = int(event["timestamp"] >= boundaries.validation) + int(event["timestamp"] >= boundaries.test)
        yield split, example.SerializeToString()


VARIANTS = {"blocks": blocks, "per_event": per_event, "polars": polars}


def peak_megabytes() -> float:
    """Of this process alone; what `getrusage` gives counts the process that started it too."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("variant", choices=VARIANTS)
    parser.add_argument("config", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--data-folder")
    arguments = parser.parse_args()
    config = load(arguments.config, arguments.data_folder).ingestion()
    before = peak_megabytes()
    began = time.perf_counter()
    parts = VARIANTS[arguments.variant](config, arguments.output)
    seconds = time.perf_counter() - began
    peak = peak_megabytes()
    print(json.dumps({"seconds": seconds, "parts": parts, "peak_megabytes": peak, "imports_megabytes": before}))


if __name__ == "__main__":
    main()
