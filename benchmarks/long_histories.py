"""Benchmark of long histories: time and memory of a training step with 50, 200 and 1,000 behaviours.

    python benchmarks/long_histories.py [--models diffumin tin din] [--turns 5]

Item and category of width 16, full histories, batches of 128, tower 200-80, sparse Adagrad. Every model and length has
a process of its own; the processes take turns, one window of `--steps` steps at a time. A figure is the median over
turns of the CPU time, which is more reliable than wall time on a shared machine. Memory is the peak of the process, its
batches included.

These models are linear in the length of the history. The bar: 1,000 behaviours take at most 1.3 times what the straight
line through 50 and 200 predicts, in time and in memory; a quadratic cost would be several times that.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

from benchmarks.support.programs_in_turns import Program, run_in_turns

LENGTHS = (50, 200, 1000)
BAR = 1.3
BATCH, ITEMS = 128, 20_000


def measure(model: str, steps: int, turns: int) -> tuple[list[float], list[float]]:
    """Return the CPU time of a step in ms, and the peak memory in MB, by length."""
    worker = [sys.executable, "-m", "benchmarks.long_histories", "--worker", model]
    programs = [Program(f"{model} {length}", [*worker, str(length), str(steps)]) for length in LENGTHS]
    run_in_turns(programs, turns)
    return [statistics.median(program.processor) for program in programs], [program.memory for program in programs]


def ratio_to_line(values: list[float]) -> float:
    """Return the last value divided by what a straight line through the first two predicts."""
    slope = (values[1] - values[0]) / (LENGTHS[1] - LENGTHS[0])
    return values[2] / (values[1] + slope * (LENGTHS[2] - LENGTHS[1]))


def train(model: str, length: int, steps: int) -> None:
    """Train as a worker process, see `serve_windows`."""
    import keras

    from benchmarks.support.synthetic_batches import make_batches
    from benchmarks.support.synthetic_inputs import synthetic_inputs
    from benchmarks.support.timed_windows import serve_windows
    from interestflow.models.optimizers import build_optimizer
    from interestflow.models.registry import build_ranker
    from interestflow.models.training_config import OptimizerConfig

    keras.utils.set_random_seed(17)
    inputs = synthetic_inputs(ITEMS, length, users=False)
    ranker = build_ranker(model, inputs, {"tower_units": (200, 80)})
    ranker.compile(optimizer=build_optimizer(OptimizerConfig(name="sparse_adagrad")))
    batches = make_batches(ITEMS, steps, BATCH, history=length)
    serve_windows(ranker, batches, {"click": batches.pop("label")})


def main() -> None:
    """Run the benchmark, or one of its workers, and exit with an error if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", nargs="+", default=["diffumin", "tin", "din"], help="Models to train.")
    parser.add_argument("--steps", type=int, default=20, help="Steps in a window.")
    parser.add_argument("--turns", type=int, default=5, help="Windows of each process.")
    parser.add_argument("--worker", nargs=3, metavar=("MODEL", "LENGTH", "STEPS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        model, length, steps = arguments.worker
        train(model, int(length), int(steps))
        return
    missed = []
    columns = "".join(f"{length:>9,}" for length in LENGTHS)
    print(f"{'':32}{columns}{'over the line':>13}{'bar':>6}")
    for model in arguments.models:
        time, memory = measure(model, arguments.steps, arguments.turns)
        for label, values in ((f"{model}, CPU ms a step", time), (f"{model}, peak MB", memory)):
            ratio = ratio_to_line(values)
            figures = "".join(f"{value:9,.0f}" for value in values)
            print(f"{label:32}{figures}{ratio:13.2f}{BAR:6.1f}{'  short' if ratio > BAR else ''}", flush=True)
            missed += [label] * (ratio > BAR)
    sys.exit(f"short of the bar: {'; '.join(missed)}" if missed else 0)


if __name__ == "__main__":
    main()
