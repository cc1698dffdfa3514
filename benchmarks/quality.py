"""Quality over seeds: runs a configuration with several seeds and prints mean and spread of each metric.

    python benchmarks/quality.py configs/movielens-100k.yaml --data-folder DATA --seeds 1 2 3

Each seed is a whole run of the pipeline; what does not depend on the seed (ingestion, statistics, transform) is made
once and served from the cache after that. The spread printed is the sample standard deviation over seeds; of the model
it is what the gate's margins have to exceed: with `gate.champion_margin` below twice the spread, the command exits
non-zero.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.config import RANKER_METRICS, load
from pipeline.evaluation_result import Metrics
from pipeline.folders import Folders


def run_seed(config: Path, seed: int, data_folder: str | None, runs_folder: str | None) -> dict[str, dict[str, float]]:
    """One run of the pipeline; returns the first task's metrics on the test split by model name."""
    command = [sys.executable, "-m", "pipeline", "run", str(config), f"--seed={seed}"]
    command += [f"--data-folder={data_folder}"] if data_folder else []
    command += [f"--runs-folder={runs_folder}"] if runs_folder else []
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    print(result.stdout, flush=True)
    if result.returncode not in (0, 2):
        sys.exit(f"the run with seed {seed} failed")
    report = json.loads(Path(Folders.local(load(config, data_folder), runs_folder).report).read_text())
    found: dict[str, dict[str, float]] = report["metrics"]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--data-folder")
    parser.add_argument("--runs-folder")
    arguments = parser.parse_args()
    results = [
        run_seed(arguments.config, seed, arguments.data_folder, arguments.runs_folder) for seed in arguments.seeds
    ]
    table = Table(title=f"{arguments.config.stem}, test split, {len(arguments.seeds)} seeds: mean ± spread")
    table.add_column("model")
    for metric in RANKER_METRICS:
        table.add_column(metric, justify="right")
    spreads: dict[str, float] = {}
    for name in results[0]:
        cells = []
        for metric in RANKER_METRICS:
            values = [result[name][metric] for result in results]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            if name == next(iter(results[0])):  # the model; the gate has nothing to say of the baseline
                spreads[metric] = spread
            cells.append(f"{statistics.mean(values):.4f} ± {spread:.4f}")
        table.add_row(name, *cells)
    Console(width=120).print(table)
    short = False
    gate = load(arguments.config, arguments.data_folder).evaluation.gate
    for metric, margin in gate.margins(Metrics.DEFAULT_MARGINS).items():
        wide_enough = margin >= 2 * spreads[metric]
        short |= not wide_enough
        verdict = "ok" if wide_enough else "SHORT"
        print(f"champion_margin.{metric} {margin:.4f}, bar: at least 2 x {spreads[metric]:.4f}: {verdict}")
    return int(short)


if __name__ == "__main__":
    sys.exit(main())
