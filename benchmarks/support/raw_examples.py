"""Raw examples with full histories, as ingestion writes them, for benchmarks of the later steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tensorflow_transform.tf_metadata import schema_utils
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from interestflow.transforms import feature_names
from interestflow.transforms.config import AttributeConfig, IngestionConfig
from interestflow.transforms.examples.tfrecord_writer import ExampleFile
from interestflow.transforms.feature_spec import raw_feature_spec

ITEMS, CATEGORIES, USERS, CONTEXTS = 20_000, 200, 10_000, 24
BLOCK = 2_000
YEAR = 365 * 24 * 3600


def configuration(attributes: list[dict[str, Any]], length: int) -> IngestionConfig:
    """Return the configuration of a log with the columns of a generated one."""
    table = {"format": "parquet"}
    events = table | {"path": "events.parquet", "user": "user", "item": "item", "timestamp": "timestamp"}
    return IngestionConfig.model_validate(
        {
            "data": {
                "events": events,
                "items": table | {"path": "items.parquet", "id": "item"},
                "users": table | {"path": "users.parquet", "id": "user"},
            },
            "tasks": [{"name": "click", "label": {"column": "click"}}],
            "sequence": {"max_length": length},
            "features": {"attributes": attributes},
        }
    )


def write_split(config: IngestionConfig, folder: Path, count: int, files: int, seed: int) -> None:
    """Write `count` examples with full histories into gzipped files; items have Zipf frequencies with exponent 1."""
    folder.mkdir(parents=True)
    schema = schema_utils.schema_from_feature_spec(raw_feature_spec(config, with_labels=True))
    encoder = RecordBatchToExamplesEncoder(schema)
    random = np.random.default_rng(seed)
    weights = 1.0 / np.arange(1, ITEMS + 1)
    shares = np.cumsum(weights / weights.sum())
    for file_index in range(files):
        with ExampleFile(str(folder / f"data_tfrecord-{file_index:05d}-of-{files:05d}.gz")) as file:
            for size in _blocks(count // files + (file_index < count % files)):
                file.write(encoder.encode(_batch(config, random, shares, size)))


def _blocks(count: int) -> list[int]:
    return [min(BLOCK, count - start) for start in range(0, count, BLOCK)]


def _batch(config: IngestionConfig, random: np.random.Generator, shares: np.ndarray, size: int) -> pa.RecordBatch:
    length = config.sequence.max_length

    def items(count: int) -> np.ndarray:
        return np.searchsorted(shares, random.random(count))

    item, past = items(size), items(size * length)
    ages = np.sort(random.integers(1, YEAR, (size, length)), axis=1)[:, ::-1]
    columns = {
        feature_names.USER: _texts("u", random.integers(0, USERS, size)),
        feature_names.ITEM: _texts("i", item),
        feature_names.TIMESTAMP: random.integers(0, YEAR * 10**6, size),
        feature_names.HISTORY_ITEM: _texts("i", past),
        feature_names.HISTORY_AGE: ages.ravel(),
        feature_names.HISTORY_COUNT: np.full(size, length),
        feature_names.SAMPLING_PROBABILITY: np.ones(size, np.float32),
        feature_names.SLICE_HISTORY: pa.array(["50+"] * size),
        feature_names.SLICE_USER: pa.array(["known"] * size),
        feature_names.SLICE_ITEM: pa.array(["known"] * size),
        feature_names.label("click"): random.integers(0, 2, size).astype(np.float32),
    }
    for attribute in config.features.attributes:
        target, history = _attribute(attribute, random, item, past)
        if "target" in attribute.use:
            columns[attribute.name] = target
        if "history" in attribute.use:
            columns[feature_names.history(attribute.name)] = history
    return pa.RecordBatch.from_pydict({name: _lists(values, size) for name, values in columns.items()})


def _attribute(
    attribute: AttributeConfig, random: np.random.Generator, item: np.ndarray, past: np.ndarray
) -> tuple[pa.Array, pa.Array]:
    if attribute.source == "items":
        return _texts("c", item % CATEGORIES), _texts("c", past % CATEGORIES)
    context = random.integers(0, CONTEXTS, len(item) + len(past))
    return _texts("", context[: len(item)]), _texts("", context[len(item) :])


def _texts(prefix: str, numbers: np.ndarray) -> pa.Array:
    names = pa.array([f"{prefix}{index}" for index in range(int(numbers.max()) + 1)])
    return names.take(pa.array(numbers))


def _lists(values: Any, size: int) -> pa.LargeListArray:
    values = pa.array(values) if isinstance(values, np.ndarray) else values
    values = values.cast(pa.large_binary()) if pa.types.is_string(values.type) else values
    return pa.LargeListArray.from_arrays(pa.array(np.arange(size + 1) * (len(values) // size)), values)
