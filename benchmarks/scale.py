"""Benchmark of all stages of the pipeline by the size of the log: time, CPU, memory of each process, bytes moved.

    python benchmarks/scale.py [--events 200000 2000000 10000000] [--skewed] [--compare REVISION]

Each step runs by the local runner in a process of its own, from the results of the steps before it, on generated logs
with histories of up to 50 behaviours (44 on average). One epoch of DIN and of the baseline is trained. The same join in
Polars alone is measured beside ingestion. A step's start is what it takes on a log of 2,000 events.

Bars, for each step that reads examples:

1. Time per event, without the start, at most 1.3 times the best over the sizes.
2. Peak resident memory of every process at most `memory:` of the configuration (4 GB by default).
3. Statistics and transform: 30,000 examples for each second of CPU, at the largest size, start included.

`--skewed` measures the largest size again with one user who has 10% of the events, an item that has 30%, and ten
thousand files; the second bar, and a time of at most 1.3 times that of the even log, hold for it too. `--compare`
measures another revision as well, from a git worktree of its own. `--output` keeps all figures as JSON, from which
`--fit` computes the coefficients of `interestflow plan`:

    python benchmarks/scale.py --fit RESULTS.json... --output pipeline/plan/coefficients.json
    python benchmarks/scale.py --check LARGER.json
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

from benchmarks.support.scale_bars import judge, show_comparison, show_run
from benchmarks.support.scale_logs import IN_MEMORY, Shape, prepare
from benchmarks.support.scale_stage import ALL, POLARS
from interestflow.pipeline.plan.coefficients import load_coefficients
from interestflow.pipeline.plan.fitting import compare_runs, fit_runs

ROOT = Path(__file__).resolve().parents[1]
START_EVENTS = 2_000
STAGES = (
    POLARS, "LogExampleGen", "LeakCheck", "StatisticsGen", "Transform", "Trainer", "BaselineTrainer", "Evaluator",
    "BaselineEvaluator", "ServingValidator",
)  # fmt: skip

STAGES_HELP = "Stages to measure, each in a process of its own, or `all` for every step in one process."


def measure(shape: Shape, stages: Sequence[str], scratch: Path, prefix: str, source: Path, runs: str) -> dict[str, Any]:
    """Measure stages on one log, each in a process of its own, and return the record of the run.

    Args:
        shape: log and models.
        stages: steps to measure; a step that they need is measured before them, in the same process.
        scratch: folder of logs and runs, where earlier results are found again.
        prefix: command that each process is started by, such as one that waits for a quiet machine.
        source: folder of the sources to measure.
        runs: name of the folder of runs.
    """
    config = prepare(shape, scratch)
    records = scratch / runs / f"{shape.name}.jsonl"
    records.parent.mkdir(parents=True, exist_ok=True)
    records.touch()
    environment = {**os.environ, "PYTHONPATH": f"{source / 'src'}:{ROOT}", "TF_CPP_MIN_LOG_LEVEL": "2"}
    for stage in stages:
        measured = read_records(records)
        if stage in measured or (stage == ALL and "Pusher" in measured):
            continue
        command = [*shlex.split(prefix), sys.executable, "-m", "benchmarks.support.scale_stage"]
        command += [stage, str(config), str(scratch / runs / shape.data_name), str(records)]
        # Elsewhere than in the sources, whose `benchmarks` may be another revision's.
        finished = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=scratch)
        if finished.returncode:
            sys.exit(f"{stage} on {shape.events:,} events failed: {finished.stderr[-2000:]}")
    return {**asdict(shape), "steps": read_records(records)}


def read_records(file: Path) -> dict[str, dict[str, Any]]:
    """Return the records of a run by step; the first one of a step that ran more than once."""
    records: dict[str, dict[str, Any]] = {}
    for line in file.read_text().splitlines():
        record = json.loads(line)
        records.setdefault(record["step"], record)
    return records


@contextmanager
def worktree(revision: str, scratch: Path) -> Iterator[Path]:
    """Check `revision` out into a folder of its own, and remove it at the end."""
    folder = scratch / f"worktree-{revision}"
    subprocess.run(["git", "worktree", "add", "--force", "--detach", str(folder), revision], check=True, cwd=ROOT)
    try:
        yield folder
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", str(folder)], check=True, cwd=ROOT)


def run_benchmark(arguments: argparse.Namespace, scratch: Path) -> tuple[list[dict[str, Any]], bool]:
    """Measure everything that was asked for, print it, and return all records and whether the bars are reached."""
    base = Shape(
        START_EVENTS, items=arguments.items, history=arguments.history, attributes=arguments.attributes,
        model=arguments.model, baseline=arguments.baseline, runner=arguments.runner,
    )  # fmt: skip

    def measured(shape: Shape, source: Path = ROOT, runs: str = "runs") -> dict[str, Any]:
        run = measure(shape, arguments.stages, scratch, arguments.prefix, source, runs)
        for line in show_run(run):
            print(line, flush=True)
        return run

    start = measured(base)
    even = [measured(replace(base, events=events)) for events in sorted(arguments.events)]
    skewed = [measured(replace(base, events=max(arguments.events), is_skewed=True))] if arguments.skewed else []
    lines, is_reached = judge(start, even, skewed)
    print("\n".join(lines))
    if arguments.compare:
        with worktree(arguments.compare, scratch) as source:
            before = [
                measured(replace(base, events=run["events"], is_skewed=run["is_skewed"]), source, arguments.compare)
                for run in [*even, *skewed]
            ]
        print("\n".join(show_comparison(arguments.compare, before, [*even, *skewed])))
    return [start, *even, *skewed], is_reached


def read_runs(files: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the records of all runs in files that `--output` wrote."""
    return [run for file in files for run in json.loads(file.read_text())]


def fit_coefficients(files: Sequence[Path], output: Path, is_busy: bool) -> int:
    """Fit the coefficients of `interestflow plan` to measured runs, print both side by side, and write them."""
    runs = read_runs(files)
    command = f"python benchmarks/scale.py --fit {' '.join(file.name for file in files)} --output {output}"
    machine = describe_machine()
    if is_busy:
        command, machine = f"{command} --busy", f"{machine}, beside other programs: time is CPU time"
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT)
    coefficients = fit_runs(runs, command, machine, revision.stdout.strip(), is_busy)
    output.write_text(coefficients.to_json())
    print("\n".join(["measured by fitted", *compare_runs(coefficients, runs)]))
    return 0


def describe_machine() -> str:
    """Return the processor of this machine and the number of its cores."""
    match = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} cores ({match[1] if match else 'unknown processor'})"


def main() -> int:
    """Run the benchmark and return 0 if its bars are reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[200_000, 2_000_000, 10_000_000], help="Log sizes.")
    parser.add_argument("--items", type=int, default=20_000, help="Items of the logs.")
    parser.add_argument("--history", type=int, default=50, help="Behaviours that an example keeps.")
    parser.add_argument("--attributes", type=int, default=4, help="Attributes: item, context, context, user, user.")
    parser.add_argument("--model", default="din", help="Model to train.")
    parser.add_argument("--baseline", default="pooled", help="Baseline to train.")
    parser.add_argument("--runner", default=IN_MEMORY, help="Beam's runner, as in `beam.runner`.")
    parser.add_argument("--stages", nargs="+", choices=[*STAGES, ALL], default=list(STAGES), help=STAGES_HELP)
    parser.add_argument("--skewed", action="store_true", help="Measure a skewed log of the largest size too.")
    parser.add_argument("--compare", metavar="REVISION", help="Git revision to measure too.")
    parser.add_argument("--folder", type=Path, help="Folder of logs and runs; measured stages are not run again.")
    parser.add_argument("--prefix", default="", help="Command that starts each process.")
    parser.add_argument("--output", type=Path, help="JSON file to write all figures, or the coefficients, to.")
    parser.add_argument("--fit", type=Path, nargs="+", metavar="RESULTS", help="Fit coefficients to these figures.")
    parser.add_argument("--busy", action="store_true", help="Fit times to CPU times: other programs ran beside.")
    parser.add_argument("--check", type=Path, nargs="+", metavar="RESULTS", help="Compare figures with the formulas.")
    arguments = parser.parse_args()
    if arguments.check:
        print("\n".join(compare_runs(load_coefficients(), read_runs(arguments.check))))
        return 0
    if arguments.fit:
        if arguments.output is None:
            parser.error("--fit needs --output, the file of the coefficients")
        return fit_coefficients(arguments.fit, arguments.output, arguments.busy)
    with tempfile.TemporaryDirectory() as temporary:
        runs, is_reached = run_benchmark(arguments, (arguments.folder or Path(temporary)).resolve())
    if arguments.output:
        arguments.output.write_text(json.dumps(runs, indent=1) + "\n")
    print("reached" if is_reached else "FALLS SHORT")
    return 0 if is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
