"""Training throughput of rankers beside DeepCTR's DIN and DIEN and FuxiCTR's DIN, on the same batches, in turns.

    benchmarks/peers/setup.sh
    python benchmarks/training.py [--model all] [--items 100000 1000000] [--turns 5]

Item, category and user of width 16, full histories of 50, batches of 1,024, attention 80-40, tower 200-80, Adagrad.
The programs take turns, one window of `--steps` steps at a time, so that what else the machine does meets all alike;
each figure is the median over turns. The bar is three times DeepCTR 0.9.4 as it comes and twice FuxiCTR 2.3.10, for
each model that they have. For scale there are also DeepCTR's DIN with our choices (sigmoid in the attention, Dice in
the tower, no L2 over whole tables), which make it faster, and with one model named, that model under Keras's own
Adagrad, which updates every row of every table.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a file

from benchmarks.support.programs_in_turns import ROOT, Program, run_in_turns

PEERS = ROOT / "benchmarks/peers"
DEEPCTR, FUXICTR = PEERS / ".venv/bin/python", PEERS / ".venv-fuxictr/bin/python"
DEEPCTR_BAR, FUXICTR_BAR = 3.0, 2.0
MODELS = ("din", "dien", "tin", "diffumin", "infnet")
BATCH = 1024


@dataclass
class Compared(Program):
    """`peer_of` is the model of ours that a peer is compared with, and `bar` how many times as fast that should be."""

    peer_of: str | None = None
    bar: float | None = None


def programs(models: list[str], items: int, steps: int, ids: str) -> list[Compared]:
    """Ours first, then their peers."""
    shape = [f"--items={items}", f"--steps={steps}", f"--ids={ids}"]

    def ours(model: str) -> list[str]:
        return [sys.executable, "-m", "benchmarks.support.training_worker", f"--model={model}", *shape]

    running = [Compared(model, ours(model)) for model in models]
    if len(models) == 1:
        running.append(
            Compared(f"{models[0]}, Keras's Adagrad", [*ours(models[0]), "--optimizer=adagrad"], peer_of=models[0])
        )
    if "din" in models:
        deepctr = [str(DEEPCTR), str(PEERS / "deepctr_din.py"), *shape]
        fuxictr = [str(FUXICTR), str(PEERS / "fuxictr_din.py"), *shape]
        running += [
            Compared("DeepCTR DIN", [*deepctr, "--as-it-comes"], peer_of="din", bar=DEEPCTR_BAR),
            Compared("DeepCTR DIN, our choices", deepctr, peer_of="din"),
            Compared("FuxiCTR DIN", fuxictr, peer_of="din", bar=FUXICTR_BAR),
        ]
    if "dien" in models:
        deepctr = [str(DEEPCTR), str(PEERS / "deepctr_dien.py"), *shape]
        running.append(Compared("DeepCTR DIEN", deepctr, peer_of="dien", bar=DEEPCTR_BAR))
    return running


def compare(models: list[str], items: int, turns: int, steps: int, ids: str) -> bool:
    """Prints the table of one size; returns whether the bars are reached."""
    running = programs(models, items, steps, ids)
    run_in_turns(running, turns)
    medians = {program.name: statistics.median(program.throughput) for program in running}
    print(f"{items:,} items, batch {BATCH}, {ids} ids: median of {turns} turns of {steps} steps")
    reached = True
    for program in running:
        spread = f"{min(program.throughput):,.0f} to {max(program.throughput):,.0f}"
        processor = statistics.median(program.processor)
        beside = ""
        if program.peer_of is not None:
            ratio = medians[program.peer_of] / medians[program.name]
            beside = f"  {program.peer_of} is {ratio:.2f}x"
            if program.bar is not None:
                met = ratio >= program.bar
                reached &= met
                beside += f", bar {program.bar:g}x: {'reached' if met else 'FALLS SHORT'}"
        print(
            f"  {program.name:<28}{medians[program.name]:9,.0f} examples/s ({spread}), "
            f"{processor:6.1f} ms of CPU a step{beside}",
            flush=True,
        )
    return reached


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=["all", *MODELS], default="all")
    parser.add_argument("--items", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--ids", choices=["zipf", "uniform"], default="zipf")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30)
    arguments = parser.parse_args()
    if not (DEEPCTR.exists() and FUXICTR.exists()):
        sys.exit("the peers are not there; benchmarks/peers/setup.sh builds their environments")
    models = list(MODELS) if arguments.model == "all" else [arguments.model]
    sizes = [compare(models, items, arguments.turns, arguments.steps, arguments.ids) for items in arguments.items]
    return 0 if all(sizes) else 1


if __name__ == "__main__":
    sys.exit(main())
