"""Benchmark of training throughput: our rankers and their peers, on equal batches.

    benchmarks/peers/setup.sh
    python benchmarks/training.py [--model all] [--items 100000 1000000] [--peers torch deepctr fuxictr keras]

Item, category and user of width 16, full histories of 50, batches of 1,024, attention 80-40, tower 200-80, Adagrad.
The programs take turns, one window of `--steps` steps at a time, so that other load on the machine affects all alike.
Each figure is the median over turns, and each ratio the median over turns of the ratio within a turn.

- DeepCTR 0.9.4 with its defaults, bar three, and FuxiCTR 2.3.10, bar two, for each model that they have. For scale also
  DeepCTR's DIN with our choices (sigmoid in the attention, Dice in the tower, no L2 over whole tables).
- DIN's own arithmetic in PyTorch 2.13 (`peers/torch_din.py`): eager, compiled (bar one), compiled with rows updated by
  hand (bar one) or in one pass in C++, with FBGEMM's tables, and in bfloat16. They start from our weights, and before
  anything is timed the losses of the first steps must agree. They have huge pages, and MKL on AVX-512 where the
  processor has it.
- `din` in bfloat16, bar 1.1 times float32, and without the kernels in C++.
- With one model named and the peer `keras`, that model under Keras's own Adagrad, which updates every row of every
  table.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

from benchmarks.support.programs_in_turns import ROOT, Program, run_in_turns

PEERS = ROOT / "benchmarks/peers"
PYTHON = {
    "deepctr": PEERS / ".venv/bin/python",
    "fuxictr": PEERS / ".venv-fuxictr/bin/python",
    "torch": PEERS / ".venv-torch/bin/python",
}
DEEPCTR_BAR, FUXICTR_BAR, HALF_PRECISION_BAR = 3.0, 2.0, 1.1
TORCH = {
    "eager": ("PyTorch, eager", None),
    "compiled": ("PyTorch, compiled", 1.0),
    "rows": ("PyTorch, compiled, rows by hand", 1.0),
    "one-pass": ("PyTorch, compiled, rows in C++", None),
    "fbgemm": ("PyTorch, compiled, FBGEMM", None),
    "bfloat16": ("PyTorch, compiled, bfloat16", None),
}
"""Name and bar of each variant of `peers/torch_din.py`."""
CHECKED_STEPS, TOLERANCE, HALF_PRECISION_TOLERANCE = 5, 1e-6, 1e-3
WORKER = [sys.executable, "-m", "benchmarks.support.training_worker"]
MODELS = ("din", "dien", "tin", "diffumin", "infnet")
BATCH = 1024


@dataclass
class Compared(Program):
    """Program that one of our models is compared with.

    Attributes:
        peer_of: Our model that is compared with the program; None for our models themselves.
        bar: How many times as fast our model should be; None for no bar.
        own_bar: How many times as fast as our model the program should be; None for no bar.
        tolerance: Relative difference that losses may have from our model's; None where they are not comparable.
    """

    peer_of: str | None = None
    bar: float | None = None
    own_bar: float | None = None
    tolerance: float | None = None


def torch_variables() -> dict[str, str]:
    """Return the environment variables by which PyTorch is fastest: huge pages, and MKL's widest vectors."""
    variables = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    # Extensions are built by the environment's own ninja.
    variables["PATH"] = f"{PYTHON['torch'].parent}{os.pathsep}{os.environ['PATH']}"
    if "avx512f" in Path("/proc/cpuinfo").read_text():
        variables["MKL_ENABLE_INSTRUCTIONS"] = "AVX512"
    return variables


def din_variants(shape: list[str], peers: list[str], variants: list[str]) -> list[Compared]:
    """Return what `din` alone is compared with."""
    ours = [*WORKER, "--model=din", *shape]
    compared = [
        Compared("din, bfloat16", [*ours, "--precision=mixed_bfloat16"], peer_of="din", own_bar=HALF_PRECISION_BAR,
                 tolerance=HALF_PRECISION_TOLERANCE),
        Compared("din, no kernels in C++", [*ours, "--no-kernels"], peer_of="din", tolerance=TOLERANCE),
    ]  # fmt: skip
    if "torch" in peers:
        for variant in variants:
            name, bar = TORCH[variant]
            command = [str(PYTHON["torch"]), str(PEERS / "torch_din.py"), *shape, f"--variant={variant}"]
            tolerance = HALF_PRECISION_TOLERANCE if variant == "bfloat16" else TOLERANCE
            compared.append(
                Compared(name, command, variables=torch_variables(), peer_of="din", bar=bar, tolerance=tolerance)
            )
    if "deepctr" in peers:
        deepctr = [str(PYTHON["deepctr"]), str(PEERS / "deepctr_din.py"), *shape]
        compared.append(Compared("DeepCTR DIN", [*deepctr, "--as-it-comes"], peer_of="din", bar=DEEPCTR_BAR))
        compared.append(Compared("DeepCTR DIN, our choices", deepctr, peer_of="din"))
    if "fuxictr" in peers:
        fuxictr = [str(PYTHON["fuxictr"]), str(PEERS / "fuxictr_din.py"), *shape]
        compared.append(Compared("FuxiCTR DIN", fuxictr, peer_of="din", bar=FUXICTR_BAR))
    return compared


def programs(models: list[str], shape: list[str], peers: list[str], variants: list[str]) -> list[Compared]:
    """Return the programs to run: our models first, then their peers.

    Args:
        models: Names of our models.
        shape: Arguments that all programs take.
        peers: Names of peers, in whose environments they run.
        variants: Variants of PyTorch, keys of `TORCH`.
    """

    def ours(model: str) -> list[str]:
        return [*WORKER, f"--model={model}", *shape]

    compared = [Compared(model, ours(model)) for model in models]
    if len(models) == 1 and "keras" in peers:
        compared.append(
            Compared(f"{models[0]}, Keras's Adagrad", [*ours(models[0]), "--optimizer=adagrad"], peer_of=models[0])
        )
    if "din" in models:
        compared += din_variants(shape, peers, variants)
    if "dien" in models and "deepctr" in peers:
        deepctr = [str(PYTHON["deepctr"]), str(PEERS / "deepctr_dien.py"), *shape]
        compared.append(Compared("DeepCTR DIEN", deepctr, peer_of="dien", bar=DEEPCTR_BAR))
    return compared


def check_losses(compared: list[Compared]) -> bool:
    """Return whether the programs compute what our model does: the losses of their first steps agree with its own."""
    is_equal = True
    expected = {program.name: program.first_losses(CHECKED_STEPS) for program in compared if program.name == "din"}
    for program in compared:
        if program.tolerance is None or program.peer_of not in expected:
            continue
        pairs = zip(program.first_losses(CHECKED_STEPS), expected[program.peer_of], strict=True)
        difference = max(abs(loss - own) / own for loss, own in pairs)
        is_equal &= difference <= program.tolerance
        verdict = "equal" if difference <= program.tolerance else "DIFFERENT"
        print(
            f"  {program.name:<32}losses of {CHECKED_STEPS} steps within {difference:.1e}, "
            f"limit {program.tolerance:g}: {verdict}",
            flush=True,
        )
    return is_equal


def describe_ratio(program: Compared, own: Compared) -> tuple[str, bool]:
    """Return the text that compares a program with our model, and whether its bar is reached."""
    ratio = statistics.median(ours / theirs for ours, theirs in zip(own.throughput, program.throughput, strict=True))
    text, is_met = f"  {own.name} is {ratio:.2f}x", True
    if program.bar is not None:
        is_met = ratio >= program.bar
        text += f", bar {program.bar:g}x: {'reached' if is_met else 'FALLS SHORT'}"
    if program.own_bar is not None:
        is_met = 1.0 / ratio >= program.own_bar
        text = f"  {1.0 / ratio:.2f}x {own.name}, bar {program.own_bar:g}x: {'reached' if is_met else 'FALLS SHORT'}"
    return text, is_met


def compare(compared: list[Compared], title: str, turns: int) -> bool:
    """Print the figures of one size, and return whether the bars are reached."""
    run_in_turns(compared, turns)
    print(f"{title}: median of {turns} turns")
    by_name = {program.name: program for program in compared}
    is_reached = True
    for program in compared:
        median, processor = statistics.median(program.throughput), statistics.median(program.processor)
        spread = f"{min(program.throughput):,.0f} to {max(program.throughput):,.0f}"
        comparison = ""
        if program.peer_of is not None:
            comparison, is_met = describe_ratio(program, by_name[program.peer_of])
            is_reached &= is_met
        print(
            f"  {program.name:<32}{median:9,.0f} examples/s ({spread}), {processor:6.1f} ms of CPU a step{comparison}",
            flush=True,
        )
    return is_reached


def main() -> int:
    """Run the benchmark and return 0 if its bars are reached."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=["all", *MODELS], default="all", help="Model to train.")
    parser.add_argument("--items", type=int, nargs="+", default=[100_000, 1_000_000], help="Numbers of items.")
    parser.add_argument("--ids", choices=["zipf", "uniform"], default="zipf", help="Distribution of item ids.")
    parser.add_argument(
        "--peers", nargs="*", choices=[*PYTHON, "keras"], default=[*PYTHON, "keras"], help="Peers to compare with."
    )
    parser.add_argument(
        "--torch-variants", nargs="+", choices=list(TORCH), default=list(TORCH), help="Variants of PyTorch's DIN."
    )
    parser.add_argument("--turns", type=int, default=5, help="Windows of each program.")
    parser.add_argument("--steps", type=int, default=30, help="Steps in a window.")
    parser.add_argument("--no-check", action="store_true", help="Do not compare losses before timing.")
    arguments = parser.parse_args()
    if not all(PYTHON[peer].exists() for peer in arguments.peers if peer in PYTHON):
        sys.exit("the peers are not installed; benchmarks/peers/setup.sh builds their environments")
    models = list(MODELS) if arguments.model == "all" else [arguments.model]
    is_reached = True
    for index, items in enumerate(arguments.items):
        shape = [f"--items={items}", f"--steps={arguments.steps}", f"--ids={arguments.ids}"]
        compared = programs(models, shape, arguments.peers, arguments.torch_variants)
        if index == 0 and not arguments.no_check:  # the arithmetic does not depend on the number of items
            is_reached &= check_losses(compared)
        title = f"{items:,} items, batch {BATCH}, {arguments.ids} ids, windows of {arguments.steps} steps"
        is_reached &= compare(compared, title, arguments.turns)
    return 0 if is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
