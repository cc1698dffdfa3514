"""Time and memory of a training step with histories of 50, 200 and 1,000 behaviours.

    python benchmarks/long_histories.py [--models diffumin tin din] [--turns 5]

Item and category of width 16, full histories, batches of 128, tower 200-80, sparse Adagrad. Every model and length has
a process of its own; they take turns, one window of `--steps` steps at a time, and a figure is the median over turns:
of processor time, which says more than time where others use the machine too. Memory is the most that the process ever
had in use, its batches included.

The mathematics of these models is linear in the history. The bar: 1,000 behaviours take at most 1.3 times what the
straight line through 50 and 200 says, in time and in memory; what is quadratic comes to several times that.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a file

from benchmarks.support.programs_in_turns import Program, run_in_turns

LENGTHS = (50, 200, 1000)
BAR = 1.3
BATCH, ITEMS = 128, 20_000


def measure(model: str, steps: int, turns: int) -> tuple[list[float], list[float]]:
    """Milliseconds of processor time a step and MB, by length."""
    worker = [sys.executable, "-m", "benchmarks.long_histories", "--worker", model]
    programs = [Program(f"{model} {length}", [*worker, str(length), str(steps)]) for length in LENGTHS]
    run_in_turns(programs, turns)
    return [statistics.median(program.processor) for program in programs], [program.memory for program in programs]


def of_the_line(values: list[float]) -> float:
    """The last value over what a straight line through the first two says there."""
    slope = (values[1] - values[0]) / (LENGTHS[1] - LENGTHS[0])
    return values[2] / (values[1] + slope * (LENGTHS[2] - LENGTHS[1]))


def train(model: str, length: int, steps: int) -> None:
    """The worker: see `serve_windows`."""
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
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", nargs="+", default=["diffumin", "tin", "din"])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--worker", nargs=3, metavar=("MODEL", "LENGTH", "STEPS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        model, length, steps = arguments.worker
        train(model, int(length), int(steps))
        return
    short = []
    columns = "".join(f"{length:>9,}" for length in LENGTHS)
    print(f"{'':32}{columns}{'of the line':>13}{'bar':>6}")
    for model in arguments.models:
        time, memory = measure(model, arguments.steps, arguments.turns)
        for what, values in ((f"{model}, processor ms a step", time), (f"{model}, MB at most", memory)):
            found = of_the_line(values)
            figures = "".join(f"{value:9,.0f}" for value in values)
            print(f"{what:32}{figures}{found:13.2f}{BAR:6.1f}{'  short' if found > BAR else ''}", flush=True)
            short += [what] * (found > BAR)
    sys.exit(f"short of the bar: {'; '.join(short)}" if short else 0)


if __name__ == "__main__":
    main()
