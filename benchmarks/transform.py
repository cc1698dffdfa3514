"""Benchmark of the steps Transform and StatisticsGen on raw examples with 50-step histories.

    python benchmarks/transform.py [--examples 200000 1000000] [--parts]

Transform learns from the training split, then reads both splits and writes their columns, on Beam's runner in memory. A
figure is the number of examples divided by the CPU time of the whole step: examples/s a core. That includes its start,
some seconds that grow with every vocabulary and are printed beside it. There are two cases: items alone; and items and
their categories, with context. The bar is 30,000 examples/s a core, for the statistics of the same examples too.
`--parts` also times the parts of Transform's second phase on the training split.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import standard_artifacts
from tfx.utils import io_utils, json_utils

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

from benchmarks.support import raw_examples
from interestflow.pipeline.beam_config import IN_MEMORY_ARGUMENTS
from interestflow.pipeline.cli.library_logs import redirect_library_output
from interestflow.pipeline.components.expected_schema import SCHEMA_FILE
from interestflow.pipeline.components.feature_transform import FeatureTransform
from interestflow.pipeline.components.sampled_statistics import SampledStatistics
from interestflow.pipeline.gate_config import DataValidationConfig
from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.examples.tfrecord_reader import read_records
from interestflow.transforms.feature_spec import raw_feature_spec
from interestflow.transforms.preprocessing import Preprocessing
from interestflow.transforms.schema.expected_schema import expected_schema
from interestflow.transforms.transformed.application import BATCH, LearnedTransform
from interestflow.transforms.transformed.writer import ColumnFile

BAR = 30_000
LENGTH, FILES = 50, 4
CASES: dict[str, list[dict[str, Any]]] = {
    "items": [],
    "items, categories, context": [
        {"name": "category", "from": "items", "use": ["target", "history"]},
        {"name": "device", "from": "events"},
        {"name": "hour", "from": "events"},
        {"name": "age_group", "from": "users"},
    ],
}


def artifact(kind: Any, folder: Path, splits: tuple[str, ...] = ()) -> Any:
    """Return an artifact of a kind at `folder`."""
    result = kind()
    result.uri = str(folder)
    if splits:
        result.split_names = json_utils.dumps(list(splits))
    return result


@dataclass(frozen=True)
class Cost:
    """Duration and CPU time of a step, in seconds."""

    wall: float
    cpu: float

    @classmethod
    def measure(cls, step: Callable[[], None]) -> Cost:
        """Run a step."""
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        return cls(time.perf_counter() - wall, time.process_time() - cpu)


def measure_transform(config: IngestionConfig, examples: Any, folder: Path) -> Cost:
    """Return the cost of the step Transform."""
    schema = artifact(standard_artifacts.Schema, folder / "schema")
    io_utils.write_pbtxt_file(str(folder / "schema" / SCHEMA_FILE), expected_schema(config, schema_pb2.Schema()))
    outputs = {
        "transform_graph": [artifact(standard_artifacts.TransformGraph, folder / "graph")],
        "transformed_examples": [artifact(standard_artifacts.Examples, folder / "transformed")],
    }
    properties = {"config": config.model_dump_json(), "code_fingerprint": ""}
    kind = FeatureTransform.EXECUTOR_SPEC.executor_class
    executor = kind(kind.Context(beam_pipeline_args=IN_MEMORY_ARGUMENTS))
    return Cost.measure(lambda: executor.Do({"examples": [examples], "schema": [schema]}, outputs, properties))


def measure_statistics(examples: Any, folder: Path) -> Cost:
    """Return the cost of the step StatisticsGen."""
    outputs = {"statistics": [artifact(standard_artifacts.ExampleStatistics, folder / "statistics")]}
    properties = {"max_examples": DataValidationConfig().max_examples_for_statistics}
    kind = SampledStatistics.EXECUTOR_SPEC.executor_class
    executor = kind(kind.Context(beam_pipeline_args=IN_MEMORY_ARGUMENTS))
    return Cost.measure(lambda: executor.Do({"examples": [examples]}, outputs, properties))


def measure_parts(config: IngestionConfig, folder: Path) -> dict[str, float]:
    """Return the CPU seconds of the parts of Transform's second phase on the training split."""
    names = Preprocessing(config).features()
    spec = {name: feature for name, feature in raw_feature_spec(config, with_labels=True).items() if name in names}
    transform = LearnedTransform.load(str(folder / "graph"), spec)
    seconds = dict.fromkeys(("read", "parse and apply the graph", "write"), 0.0)

    def timed(part: str, action: Callable[[], Any]) -> Any:
        began = time.process_time()
        result = action()
        seconds[part] += time.process_time() - began
        return result

    with ColumnFile(str(folder / "again.arrow"), transform.columns) as file:
        for path in sorted((folder / "raw" / "Split-train").iterdir()):
            batches = read_records(str(path), BATCH)
            while records := timed("read", lambda batches=batches: next(batches, None)):
                tensors = timed(
                    "parse and apply the graph", lambda records=records: transform.function(tf.constant(records))
                )
                timed("write", lambda tensors=tensors: file.write({name: t.numpy() for name, t in tensors.items()}))
    return seconds


def write_examples(config: IngestionConfig, folder: Path, splits: dict[str, int]) -> Any:
    """Write raw examples and return their artifact."""
    for seed, (split, examples) in enumerate(splits.items()):
        raw_examples.write_split(config, folder / "raw" / f"Split-{split}", examples, FILES, seed)
    return artifact(standard_artifacts.Examples, folder / "raw", tuple(splits))


def measure_case(name: str, sizes: list[int], with_parts: bool, folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield lines that describe one case, each with whether its bar is reached."""
    config = raw_examples.configuration(CASES[name], LENGTH)
    few = write_examples(config, folder / "few", {"train": 100, "validation": 100})
    start = measure_transform(config, few, folder / "few")
    yield f"{name}: start of Transform {start.wall:.1f} s, {start.cpu:.1f} s of CPU", True
    for size in sizes:
        subfolder = folder / str(size)
        splits = {"train": size, "validation": size // 8}
        examples, total = write_examples(config, subfolder, splits), sum(splits.values())
        transform, statistics = measure_transform(config, examples, subfolder), measure_statistics(examples, subfolder)
        yield (
            (
                f"  transform of {total:,}: {total / transform.cpu:,.0f} examples/s a core  bar {BAR:,}; "
                f"{transform.wall:.1f} s, {transform.cpu:.1f} s of CPU; without the start "
                f"{total / (transform.cpu - start.cpu):,.0f}"
            ),
            total / transform.cpu >= BAR,
        )
        yield (
            (
                f"  statistics of {total:,}: {total / statistics.cpu:,.0f} examples/s a core  bar {BAR:,}; "
                f"{statistics.wall:.1f} s, {statistics.cpu:.1f} s of CPU"
            ),
            total / statistics.cpu >= BAR,
        )
        for part, seconds in measure_parts(config, subfolder).items() if with_parts else ():
            yield f"    {part:<26} {seconds / size * 1e6:5.1f} microseconds an example", True
        shutil.rmtree(subfolder)


def main() -> int:
    """Run the benchmark and return 0 if its bars are reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--examples", type=int, nargs="+", default=[200_000], help="Examples of the training split, for each run."
    )
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES), help="Cases to run.")
    parser.add_argument("--parts", action="store_true", help="Time the parts of the step too.")
    arguments = parser.parse_args()
    is_reached = True
    with tempfile.TemporaryDirectory() as temporary, redirect_library_output(Path(temporary) / "log") as console:
        for name in arguments.cases:
            for line, reached in measure_case(name, arguments.examples, arguments.parts, Path(temporary) / name):
                console.print(line, highlight=False)
                is_reached &= reached
        console.print("reached" if is_reached else "FALLS SHORT")
    return 0 if is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
