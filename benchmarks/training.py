"""Training throughput of a ranker beside DeepCTR's DIN, on the same batches, in turns.

    benchmarks/peers/setup.sh
    python benchmarks/training.py [--model din] [--items 100000 1000000] [--turns 5]

Item, category and user of width 16, full histories of 50, batches of 1,024, attention 80-40, tower 200-80, Adagrad.
The programs take turns, one window of `--steps` steps at a time, so that what else the machine does meets all alike;
each figure is the median over turns. The bar is three times DeepCTR 0.9.4's DIN as it comes. For scale there are also
the same with our choices (sigmoid in the attention, Dice in the tower, no L2 over whole tables), which make it faster,
and our model under Keras's own Adagrad, which updates every row of every table.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PEER_PYTHON = ROOT / "benchmarks/peers/.venv/bin/python"
BAR = 3.0
BATCH = 1024


@dataclass
class Program:
    """One of the programs compared; it runs a window of steps for each line that it is sent."""

    name: str
    command: list[str]
    throughput: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def start(self) -> None:
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(self.command, cwd=ROOT, env=environment, text=True, **pipes)  # type: ignore[call-overload]
        while (line := self.process.stdout.readline()) != "ready\n":
            if not line:
                sys.exit(f"`{' '.join(self.command)}` ended before it was ready")

    def window(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        throughput, processor = self.process.stdout.readline().split()
        self.throughput.append(float(throughput))
        self.processor.append(float(processor))

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def programs(model: str, items: int, steps: int, ids: str) -> list[Program]:
    """Ours first, then the peer that the bar is set by, then those for scale."""
    shape = [f"--items={items}", f"--steps={steps}", f"--ids={ids}"]
    ours = [sys.executable, "-m", "benchmarks.training_worker", f"--model={model}", *shape]
    peer = [str(PEER_PYTHON), str(ROOT / "benchmarks/peers/deepctr_din.py"), *shape]
    return [
        Program(f"{model}, row-sparse Adagrad", ours),
        Program("DeepCTR DIN, as it comes", [*peer, "--as-it-comes"]),
        Program("DeepCTR DIN, our choices", peer),
        Program(f"{model}, Keras's Adagrad", [*ours, "--optimizer=adagrad"]),
    ]


def compare(model: str, items: int, turns: int, steps: int, ids: str) -> bool:
    """Prints the table of one size; returns whether the bar is reached."""
    running = programs(model, items, steps, ids)
    for program in running:
        program.start()
    for _ in range(turns):
        for program in running:
            program.window()
    for program in running:
        program.stop()
    ours, peer = (statistics.median(program.throughput) for program in running[:2])
    print(f"{items:,} items, batch {BATCH}, {ids} ids: median of {turns} turns of {steps} steps")
    for number, program in enumerate(running):
        median = statistics.median(program.throughput)
        spread = f"{min(program.throughput):,.0f} to {max(program.throughput):,.0f}"
        processor = statistics.median(program.processor)
        ratio = "" if number == 0 else f"  ours is {ours / median:.2f}x"
        bar = f", bar {BAR:g}x" if number == 1 else ""
        print(
            f"  {program.name:<28}{median:9,.0f} examples/s ({spread}), {processor:6.1f} ms of CPU a step{ratio}{bar}"
        )
    reached = ours >= BAR * peer
    print("  reached" if reached else "  FALLS SHORT", flush=True)
    return reached


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="din")
    parser.add_argument("--items", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--ids", choices=["zipf", "uniform"], default="zipf")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30)
    arguments = parser.parse_args()
    if not PEER_PYTHON.exists():
        sys.exit("the peer is not there; benchmarks/peers/setup.sh builds its environment")
    sizes = [
        compare(arguments.model, items, arguments.turns, arguments.steps, arguments.ids) for items in arguments.items
    ]
    return 0 if all(sizes) else 1


if __name__ == "__main__":
    sys.exit(main())
