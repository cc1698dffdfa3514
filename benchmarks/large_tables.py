"""Benchmark of large embedding tables: time and memory of every stage between the first value and the first answer.

    python benchmarks/large_tables.py [--items 100000 1000000 10000000] [--table-dtype float32]

A pooled ranker with an item table of width 16, Adagrad's accumulator for each weight, and ids that are hashed, so that
there is no vocabulary. For each number of items, one process builds the model, takes a step, saves a backup, resumes
from it, saves the best weights, hands them over to the model to export, and exports that; a second one loads what was
exported, as TensorFlow Serving does, and asks it. On a busy machine the CPU time is the reliable one of the two. Memory
is what the stage adds at its peak to what the process held before it, and what the process holds in all beyond
TensorFlow and the libraries, both as multiples of the table.

Bars, for tables of at least `SMALLEST_MEASURED` bytes, since libraries take tens of MB here and there: checkpoint,
resume and best weights add at most half a table, of which a part is 64 MB; the model to export and its export hold at
most 1.5 tables in all, and so does the loaded model.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

ROOT = Path(__file__).resolve().parents[1]
WORKER = [sys.executable, "-m", "benchmarks.support.large_table_worker"]
WIDTH, FLOAT_BYTES, MEGABYTE = 16, 4, 2**20
SMALLEST_MEASURED = 400 * MEGABYTE
ADDED_BARS: Mapping[str, float] = {"checkpoint": 0.5, "resume": 0.5, "best weights": 0.5}
"""Largest memory that a stage adds at its peak, in tables."""
HELD_BARS: Mapping[str, float] = {"hand over": 1.5, "export": 1.5, "load": 1.5}
"""Largest memory at a stage's peak beyond what the process held before its first stage, in tables."""


def run_stages(items: int, folder: str, table_type: str) -> list[list[dict[str, float]]]:
    """Return the stages of the process that exports and of the one that loads."""
    common = [folder, f"--items={items}", f"--table-dtype={table_type}"]
    outputs = [
        subprocess.run([*WORKER, *common, *more], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
        for more in ([], ["--load"])
    ]
    return [[json.loads(line) for line in output.splitlines() if line.startswith("{")] for output in outputs]


def report(items: int, table_type: str, processes: Sequence[Sequence[dict[str, float]]], folder: str) -> bool:
    """Print a line for each stage and return whether its bars hold."""
    table = (items + 1) * WIDTH * FLOAT_BYTES / MEGABYTE
    is_measured = table * MEGABYTE >= SMALLEST_MEASURED
    exported = sum(file.stat().st_size for file in Path(folder, "model").rglob("*") if file.is_file()) / MEGABYTE
    print(f"{items:,} items, a table of {table:,.0f} MB, exported as {table_type}: {exported:,.0f} MB on disk")
    holds = True
    for stages in processes:
        base = stages[0]["megabytes"]
        for stage in stages:
            name = str(stage["stage"])
            added = (stage["peak_megabytes"] - stage["megabytes"]) / table
            held = (stage["peak_megabytes"] - base) / table
            limits = (ADDED_BARS.get(name), HELD_BARS.get(name)) if is_measured else (None, None)
            bars = list(zip((added, held), limits, strict=True))
            is_short = any(bar is not None and value > bar for value, bar in bars)
            holds = holds and not is_short
            texts = [f"{value:5.2f}{'' if bar is None else f' (bar {bar})':<10}" for value, bar in bars]
            peak = stage["peak_megabytes"]
            times = f"{stage['seconds']:7.2f} s, CPU {stage['processor']:6.2f} s"
            print(
                f"  {name:<13}{times}  adds {texts[0]} holds {texts[1]} tables; "
                f"peak {peak:7,.0f} MB{'  FALLS SHORT' if is_short else ''}",
                flush=True,
            )
    return holds


def main() -> int:
    """Run the benchmark and return 0 if its bars are reached."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--items", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000], help="Rows of the item table."
    )
    parser.add_argument(
        "--table-dtype", choices=["float32", "float16", "int8"], default="float32", help="Type of the exported tables."
    )
    arguments = parser.parse_args()
    holds = []
    for items in sorted(arguments.items):
        with tempfile.TemporaryDirectory() as folder:
            processes = run_stages(items, folder, arguments.table_dtype)
            holds.append(report(items, arguments.table_dtype, processes, folder))
    print("reached" if all(holds) else "FALLS SHORT")
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
