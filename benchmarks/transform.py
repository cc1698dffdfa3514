"""Benchmark of the transform: TFX's own Transform step on raw examples with 50-step histories.

    python benchmarks/transform.py [--examples 200000] [--where-time-goes]

The step learns from the training split, then reads and writes the training and validation splits, gzipped, on Beam's
DirectRunner as in a local run. A figure is the number of examples written divided by the duration of the whole step.
That includes its start, some seconds that grow with every vocabulary and are printed beside it. There are two cases:
items alone; and items and their categories, with context. The bar for both is 5,000 examples/s. Statistics over the
same examples must not take longer than the transform. `--where-time-goes` also times the parts of the step, each as a
job of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import apache_beam as beam
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils
from tfx.components.statistics_gen.executor import Executor as StatisticsExecutor
from tfx.components.transform.executor import Executor as TransformExecutor
from tfx.types import standard_artifacts
from tfx.utils import io_utils, json_utils, proto_utils
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder
from tfx_bsl.public import tfxio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

from benchmarks.support import raw_examples
from interestflow.pipeline.beam_config import IN_MEMORY_ARGUMENTS
from interestflow.pipeline.cli.library_logs import redirect_library_output
from interestflow.transforms import feature_names
from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.feature_spec import raw_feature_spec
from interestflow.transforms.preprocessing import transform_splits_config
from interestflow.transforms.schema.expected_schema import expected_schema
from interestflow.transforms.schema.statistics_options import statistics_options

BAR = 5_000
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


def transform_seconds(config: IngestionConfig, examples: Any, folder: Path) -> float:
    """Return the duration of the Transform step in seconds."""
    schema = artifact(standard_artifacts.Schema, folder / "schema")
    io_utils.write_pbtxt_file(str(folder / "schema" / "schema.pbtxt"), expected_schema(config, schema_pb2.Schema()))
    outputs = {
        "transform_graph": [artifact(standard_artifacts.TransformGraph, folder / "graph")],
        "transformed_examples": [artifact(standard_artifacts.Examples, folder / "transformed")],
    }
    properties = {
        "preprocessing_fn": "interestflow.transforms.preprocessing.preprocessing_fn",
        "custom_config": json_utils.dumps({"ingestion": config.model_dump_json()}),
        "splits_config": proto_utils.proto_to_json(transform_splits_config()),
        "disable_statistics": 1,
    }
    executor = TransformExecutor(TransformExecutor.Context(beam_pipeline_args=IN_MEMORY_ARGUMENTS))
    began = time.perf_counter()
    executor.Do({"examples": [examples], "schema": [schema]}, outputs, properties)
    return time.perf_counter() - began


def statistics_seconds(examples: Any, folder: Path) -> float:
    """Return the duration of the statistics step in seconds."""
    outputs = {"statistics": [artifact(standard_artifacts.ExampleStatistics, folder / "statistics")]}
    properties = {"stats_options_json": statistics_options().to_json(), "exclude_splits": "[]"}
    executor = StatisticsExecutor(StatisticsExecutor.Context(beam_pipeline_args=IN_MEMORY_ARGUMENTS))
    began = time.perf_counter()
    executor.Do({"examples": [examples]}, outputs, properties)
    return time.perf_counter() - began


def parts_seconds(config: IngestionConfig, folder: Path) -> dict[str, float]:
    """Return the durations of four jobs over the training split, each with one more part than the one before."""
    spec = raw_feature_spec(config, with_labels=True)
    pattern = str(folder / "raw" / "Split-train" / "*.gz")
    source = tfxio.TFExampleRecord(pattern, schema=schema_utils.schema_from_feature_spec(spec))
    source = source.Project([*raw_feature_spec(config, with_labels=False), feature_names.label("click")])

    def records(pipeline: beam.Pipeline) -> Any:
        return pipeline | beam.io.ReadFromTFRecord(pattern)

    def parsed(pipeline: beam.Pipeline) -> Any:
        return pipeline | source.BeamSource()

    def transformed(pipeline: beam.Pipeline) -> Any:
        learned = pipeline | tft_beam.ReadTransformFn(str(folder / "graph"))
        batches = ((parsed(pipeline), source.TensorAdapterConfig()), learned)
        return (batches | tft_beam.TransformDataset(output_record_batches=True))[0]

    def written(pipeline: beam.Pipeline) -> Any:
        learned = tft.TFTransformOutput(str(folder / "graph")).transformed_metadata.schema
        encoded = transformed(pipeline) | beam.FlatMap(
            lambda batch, encoder: encoder.encode(batch[0]), encoder=RecordBatchToExamplesEncoder(learned)
        )
        return encoded | beam.io.WriteToTFRecord(str(folder / "again" / "examples"), file_name_suffix=".gz")

    seconds = {}
    jobs = {"read": records, "parse": parsed, "apply the graph": transformed, "encode, compress, write": written}
    for name, job in jobs.items():
        began = time.perf_counter()
        with (
            tempfile.TemporaryDirectory() as temporary,
            beam.Pipeline(argv=IN_MEMORY_ARGUMENTS) as pipeline,
            tft_beam.Context(temp_dir=temporary),
        ):
            _ = job(pipeline) | beam.combiners.Count.Globally()
        seconds[name] = time.perf_counter() - began
    return seconds


def write_examples(config: IngestionConfig, folder: Path, splits: dict[str, int]) -> Any:
    """Write raw examples and return their artifact."""
    for seed, (split, examples) in enumerate(splits.items()):
        raw_examples.write_split(config, folder / "raw" / f"Split-{split}", examples, FILES, seed)
    return artifact(standard_artifacts.Examples, folder / "raw", tuple(splits))


def main() -> int:
    """Run the benchmark and return 0 if its bars are reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=200_000, help="Examples of the training split.")
    parser.add_argument("--where-time-goes", action="store_true", help="Time the parts of the step too.")
    arguments = parser.parse_args()
    is_reached = True
    splits = {"train": arguments.examples, "validation": arguments.examples // 8}
    with tempfile.TemporaryDirectory() as temporary, redirect_library_output(Path(temporary) / "log") as console:
        for name, attributes in CASES.items():
            config = raw_examples.configuration(attributes, LENGTH)
            few, many = Path(temporary) / name / "few", Path(temporary) / name / "many"
            start = transform_seconds(config, write_examples(config, few, {"train": 100, "validation": 100}), few)
            examples = write_examples(config, many, splits)
            seconds = transform_seconds(config, examples, many)
            statistics = statistics_seconds(examples, many)
            total = sum(splits.values())
            lines = [
                f"{name}: {total / seconds:,.0f} examples/s  bar {BAR:,}",
                f"  {total:,} examples in {seconds:.1f} s, {start:.1f} s of it the start: then "
                f"{total / (seconds - start):,.0f} examples/s",
                f"  statistics {statistics:.1f} s  bar {seconds:.1f} s",
            ]
            if arguments.where_time_goes:
                before = 0.0
                for part, duration in parts_seconds(config, many).items():
                    lines.append(f"  the training split alone: {part:<24} {duration - before:5.1f} s")
                    before = duration
            for line in lines:
                console.print(line, highlight=False)
            is_reached &= total / seconds >= BAR and statistics <= seconds
        console.print("reached" if is_reached else "FALLS SHORT")
    return 0 if is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
