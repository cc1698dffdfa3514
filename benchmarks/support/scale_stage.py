"""Run one step of a pipeline by the local runner, or the join in Polars alone, and append its usage to a file.

Started by `benchmarks/scale.py`, a process for each step: the steps before it are served from the cache. It calls
nothing of the pipeline but what earlier revisions have too, since they are measured by it as well.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.support.stage_usage import Usage, UsageMeter

POLARS, ALL = "polars", "all"
"""The join in Polars alone, and every step of the pipeline in one process, as `interestflow run` runs them."""
RUN_UNTIL = {"LeakCheck": "Transform"}
"""Steps that others only wait for, and one of those: a graph that ends with the former is not valid."""
Record = dict[str, Any]


class StepFinished(Exception):
    """Ends the run after the step that is measured."""


def measure_step(step: str, config_file: Path, runs_folder: Path, keep: Callable[[Record], None]) -> None:
    """Run a step and those that it needs, and call `keep` with a record of each one that was not cached."""
    from interestflow.pipeline.cli.library_logs import redirect_library_output
    from interestflow.pipeline.config import load
    from interestflow.pipeline.dag.local_runner import run
    from interestflow.pipeline.folders import Folders

    config = load(config_file)
    folders = Folders.local(config, str(runs_folder))
    laps: list[tuple[str, Usage]] = []
    with redirect_library_output(Path(folders.logs) / "scale.log"), UsageMeter() as meter:
        time_exports(lambda part: laps.append((part, meter.lap())))

        def show_start(_: str) -> None:
            laps.clear()
            meter.lap()

        def show_end(result: Any) -> None:
            laps.append(("rest", meter.lap()))
            if result.outcome == "done":
                keep(record_of(result, laps))
            if result.name == step:
                raise StepFinished

        with contextlib.suppress(StepFinished):
            until = None if step == ALL else RUN_UNTIL.get(step, step)
            run(config, folders, started=show_start, finished=show_end, until=until)


def time_exports(finished: Callable[[str], None]) -> None:
    """Make the training call `finished` before and after it exports a model."""
    from interestflow.serving.export import matcher, ranker

    # TFX imports `run_fn` anew, which then finds these.
    for module, name in ((ranker, "export_ranker"), (matcher, "export_matcher")):
        export = getattr(module, name)

        def timed(*arguments: Any, _export: Any = export, **options: Any) -> Any:
            finished("before export")
            result = _export(*arguments, **options)
            finished("export")
            return result

        setattr(module, name, timed)


def record_of(result: Any, laps: list[tuple[str, Usage]]) -> Record:
    """Return the record of a step: its usage, that of its export, the size of its outputs, and of its training."""
    usage = laps[0][1]
    for _, lap in laps[1:]:
        usage = usage.then(lap)
    record: Record = {"step": result.name, **asdict(usage)}
    record["output_mb"] = sum(folder_mb(Path(folder)) for folder in result.outputs.values())
    parts = dict(laps)
    if "export" in parts:
        record["export"] = asdict(parts["export"])
    for folder in result.outputs.values():
        summary = Path(folder) / "training_summary.json"
        if summary.exists():
            values = json.loads(summary.read_text())
            record["training"] = {
                name: values.get(name)
                for name in ("epochs", "examples", "seconds", "examples_per_second", "examples_in_memory", "tables")
            }
    return record


def folder_mb(folder: Path) -> float:
    """Return the size of the files below `folder`, in MB of 2^20 bytes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20


def measure_polars(config_file: Path) -> Record:
    """Run the join in Polars alone, and return its record."""
    from benchmarks.support.ingest_with_polars import ingest_with_polars
    from interestflow.pipeline.config import load

    config = load(config_file).ingestion()
    with tempfile.TemporaryDirectory(dir=config_file.parent) as output, UsageMeter() as meter:
        meter.lap()
        ingest_with_polars(config, Path(output))
        usage = meter.lap()
        return {"step": POLARS, **asdict(usage), "output_mb": folder_mb(Path(output))}


def main() -> None:
    """Run one step, and append a line of JSON for each record as soon as it is complete."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("step", help="Id of the step, `all`, or `polars`.")
    parser.add_argument("config", type=Path, help="Configuration.")
    parser.add_argument("runs", type=Path, help="Folder of the runs, where the steps before it are.")
    parser.add_argument("records", type=Path, help="File to append the records to.")
    arguments = parser.parse_args()

    def keep(record: Record) -> None:
        with arguments.records.open("a") as file:
            file.write(json.dumps(record) + "\n")

    if arguments.step == POLARS:
        keep(measure_polars(arguments.config))
    else:
        measure_step(arguments.step, arguments.config, arguments.runs, keep)


if __name__ == "__main__":
    main()
