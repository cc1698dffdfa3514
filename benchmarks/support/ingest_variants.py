"""The ingestion job in three variants, each run in a process of its own by `benchmarks/ingest.py`.

    blocks      the project's own job: blocks of columns through Beam
    per_event   the same job as plain Beam is usually written: one Python object for each event, Beam's own sinks
    polars      the same join in Polars alone, no Beam, through the same encoder into the same kind of files

All read the same configuration of a log of impressions and write the same examples. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # so that it runs as a file

from benchmarks.support.ingest_per_event import ingest_per_event
from benchmarks.support.ingest_with_polars import ingest_with_polars
from benchmarks.support.resident_memory import peak_megabytes
from interestflow.pipeline.beam_config import IN_MEMORY_ARGUMENTS
from interestflow.pipeline.config import load
from interestflow.transforms.config import IngestionConfig
from interestflow.transforms.ingestion.job import ingest, remove_scratch
from interestflow.transforms.ingestion.timed_step import METRICS


def ingest_blocks(config: IngestionConfig, folder: Path) -> dict[str, float]:
    """Write the examples into `folder`, and return the seconds of each part, as the job itself counts them."""
    with beam.Pipeline(options=PipelineOptions(IN_MEMORY_ARGUMENTS)) as pipeline:
        scratch = ingest(config, pipeline, str(folder), str(folder / "report"))
    remove_scratch(scratch)
    seconds: dict[str, float] = {}
    for counter in pipeline.result.metrics().query()["counters"]:
        if counter.key.metric.namespace == METRICS:
            name = counter.key.metric.name
            seconds[name] = seconds.get(name, 0.0) + counter.committed / 1e6
    return seconds


VARIANTS = {"blocks": ingest_blocks, "per_event": ingest_per_event, "polars": ingest_with_polars}


def main() -> None:
    """Run one variant and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("variant", choices=VARIANTS, help="Variant to run.")
    parser.add_argument("config", type=Path, help="Configuration of the log.")
    parser.add_argument("output", type=Path, help="Folder to write to.")
    parser.add_argument("--data-folder", help="Folder of the data, instead of `data.folder`.")
    arguments = parser.parse_args()
    config = load(arguments.config, arguments.data_folder).ingestion()
    before = peak_megabytes()
    began, cpu_began = time.perf_counter(), time.process_time()
    parts = VARIANTS[arguments.variant](config, arguments.output)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    figures = {"seconds": seconds, "cpu_seconds": cpu, "parts": parts}
    print(json.dumps(figures | {"peak_megabytes": peak_megabytes(), "imports_megabytes": before}))


if __name__ == "__main__":
    main()
