"""The ingestion job as plain Beam is usually written: one Python object for each event, and Beam's own sinks."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from interestflow.pipeline.beam_config import IN_MEMORY_ARGUMENTS
from interestflow.transforms.config import ENTITY_TABLES, IngestionConfig
from interestflow.transforms.examples.example_columns import HISTORY_BOUNDS, HISTORY_NAMES
from interestflow.transforms.feature_names import SLICE_HISTORY, SLICE_ITEM, SLICE_USER
from interestflow.transforms.reading.entities import read_attributes
from interestflow.transforms.reading.events import read_events
from interestflow.transforms.reading.files import list_files
from interestflow.transforms.splits import SPLITS, Boundaries, find_boundaries


def ingest_per_event(config: IngestionConfig, folder: Path) -> dict[str, float]:
    """Write the examples into `folder`; the durations of parts are not measured."""
    tables = {}
    for name in ENTITY_TABLES:
        table = read_attributes(config, name)
        if table is not None:
            tables[name] = {row["id"]: row for row in table.frame.iter_rows(named=True)}
    files = list_files(config.data.events, config.data.folder)
    with beam.Pipeline(options=PipelineOptions(IN_MEMORY_ARGUMENTS)) as pipeline:
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
    file_index, path = element
    for table in read_events(path, file_index, config):
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
            (SLICE_HISTORY, HISTORY_NAMES[bisect.bisect(HISTORY_BOUNDS, count)]),
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
            target = value(event, attribute)
            if attribute.kind == "numeric":
                feature[attribute.name].float_list.value.append(float("nan") if target is None else float(target))
            elif attribute.kind == "categorical_list":
                feature[attribute.name].bytes_list.value.extend(
                    t.encode() for t in (target or "").split(attribute.separator)
                )
            else:
                feature[attribute.name].bytes_list.value.append(b"" if target is None else str(target).encode())
        split = int(event["timestamp"] >= boundaries.validation) + int(event["timestamp"] >= boundaries.test)
        yield split, example.SerializeToString()
