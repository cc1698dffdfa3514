"""Benchmark of training throughput: our rankers, DeepCTR's DIN and DIEN, and FuxiCTR's DIN, on equal batches.

    benchmarks/peers/setup.sh
    python benchmarks/training.py [--model all] [--items 100000 1000000] [--turns 5]

Item, category and user of width 16, full histories of 50, batches of 1,024, attention 80-40, tower 200-80, Adagrad.
The programs take turns, one window of `--steps` steps at a time, so that other load on the machine affects all alike.
Each figure is the median over turns. The bar is three times DeepCTR 0.9.4 with its defaults and twice FuxiCTR 2.3.10,
for each model that they have. For scale there are also DeepCTR's DIN with our choices (sigmoid in the attention, Dice
in the tower, no L2 over whole tables), which make it faster, and, with one model named, that model under Keras's own
Adagrad, which updates every row of every table.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

from benchmarks.support.programs_in_turns import ROOT, Program, run_in_turns

PEERS = ROOT / "benchmarks/peers"
DEEPCTR, FUXICTR = PEERS / ".venv/bin/python", PEERS / ".venv-fuxictr/bin/python"
DEEPCTR_BAR, FUXICTR_BAR = 3.0, 2.0
WORKER = [sys.executable, "-m", "benchmarks.support.training_worker"]
MODELS = ("din", "dien", "tin", "diffumin", "infnet")
BATCH = 1024


@dataclass
class Compared(Program):
    """Program that one of our models is compared with.

    Attributes:
        peer_of: Our model that is compared with the program; None for our models themselves.
        bar: How many times as fast our model should be; None for no bar.
    """

    peer_of: str | None = None
    bar: float | None = None


def programs(models: list[str], items: int, steps: int, ids: str) -> list[Compared]:
    """Return the programs to run: our models first, then their peers."""
    shape = [f"--items={items}", f"--steps={steps}", f"--ids={ids}"]

    def ours(model: str) -> list[str]:
        return [*WORKER, f"--model={model}", *shape]

    compared = [Compared(model, ours(model)) for model in models]
    if len(models) == 1:
        compared.append(
            Compared(f"{models[0]}, Keras's Adagrad", [*ours(models[0]), "--optimizer=adagrad"], peer_of=models[0])
        )
    if "din" in models:
        deepctr = [str(DEEPCTR), str(PEERS / "deepctr_din.py"), *shape]
        fuxictr = [str(FUXICTR), str(PEERS / "fuxictr_din.py"), *shape]
        compared += [
            Compared("DeepCTR DIN", [*deepctr, "--as-it-comes"], peer_of="din", bar=DEEPCTR_BAR),
            Compared("DeepCTR DIN, our choices", deepctr, peer_of="din"),
            Compared("FuxiCTR DIN", fuxictr, peer_of="din", bar=FUXICTR_BAR),
        ]
    if "dien" in models:
        deepctr = [str(DEEPCTR), str(PEERS / "deepctr_dien.py"), *shape]
        compared.append(Compared("DeepCTR DIEN", deepctr, peer_of="dien", bar=DEEPCTR_BAR))
    return compared


def compare(models: list[str], items: int, turns: int, steps: int, ids: str) -> bool:
    """Print the figures of one size, and return whether the bars are reached."""
    compared = programs(models, items, steps, ids)
    run_in_turns(compared, turns)
    medians = {program.name: statistics.median(program.throughput) for program in compared}
    print(f"{items:,} items, batch {BATCH}, {ids} ids: median of {turns} turns of {steps} steps")
    is_reached = True
    for program in compared:
        spread = f"{min(program.throughput):,.0f} to {max(program.throughput):,.0f}"
        processor = statistics.median(program.processor)
        comparison = ""
        if program.peer_of is not None:
            ratio = medians[program.peer_of] / medians[program.name]
            comparison = f"  {program.peer_of} is {ratio:.2f}x"
            if program.bar is not None:
                is_met = ratio >= program.bar
                is_reached &= is_met
                comparison += f", bar {program.bar:g}x: {'reached' if is_met else 'FALLS SHORT'}"
        print(
            f"  {program.name:<28}{medians[program.name]:9,.0f} examples/s ({spread}), "
            f"{processor:6.1f} ms of CPU a step{comparison}",
            flush=True,
        )
    return is_reached


def main() -> int:
    """Run the benchmark and return 0 if its bars are reached."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=["all", *MODELS], default="all", help="Model to train.")
    parser.add_argument("--items", type=int, nargs="+", default=[100_000, 1_000_000], help="Numbers of items.")
    parser.add_argument("--ids", choices=["zipf", "uniform"], default="zipf", help="Distribution of item ids.")
    parser.add_argument("--turns", type=int, default=5, help="Windows of each program.")
    parser.add_argument("--steps", type=int, default=30, help="Steps in a window.")
    arguments = parser.parse_args()
    if not (DEEPCTR.exists() and FUXICTR.exists()):
        sys.exit("the peers are not installed; benchmarks/peers/setup.sh builds their environments")
    models = list(MODELS) if arguments.model == "all" else [arguments.model]
    sizes = [compare(models, items, arguments.turns, arguments.steps, arguments.ids) for items in arguments.items]
    return 0 if all(sizes) else 1


if __name__ == "__main__":
    sys.exit(main())
