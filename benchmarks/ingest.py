"""Benchmark of ingestion: its speed compared with two other implementations, where its time goes, and how it scales.

    python benchmarks/ingest.py --data-folder DATA

1. On MovieLens 1M (`configs/movielens-1m.yaml`, 800,261 events, histories of 50): the project's job beside the same
   job as plain Beam, one Python object for each event (bar: at least 5 times faster), and beside the same join in
   Polars alone (bar: at most 1.5 times its time). A check first compares the examples of all three.
2. On generated logs of 0.2 and 2 million events (`--events` for others, such as 10 million): CPU time per event and
   peak memory, beside Polars alone. Then on uneven logs of 2 million events: one user with 10% of all events, one item
   with 30%, 10,000 files, and a quarter of all rows unusable. Bars: CPU time per event at most 1.3 times that of the
   best size, and on an uneven log at most 1.3 times that on an even one; peak memory below `memory`.

Each figure comes from a process of its own, without imports. On MovieLens 1M the shortest of `--turns` is reported,
since other load on the machine can only add to it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

from benchmarks.support.ingest_logs import KINDS, write_skewed_log
from interestflow.memory_size import memory_bytes
from interestflow.transforms.config import IngestionConfig

VARIANTS = Path(__file__).parent / "support/ingest_variants.py"
EVENTS = 800_261
SIZES = (200_000, 2_000_000)
UNEVEN_EVENTS = 2_000_000
FASTER_THAN_PER_EVENT, SLOWER_THAN_POLARS, GROWTH = 5.0, 1.5, 1.3
PEAKS: list[float] = []
"""Peak memory in bytes of every run of the project's job on a generated log."""
PARTS = ("read", "shuffle", "sort", "join", "encode", "frame", "compress", "write")
COMPARED_USERS = 20


def run(variant: str, config: Path, output: Path, data_folder: str | None) -> dict[str, Any]:
    """Return the figures of one variant, run in a process of its own."""
    command = [sys.executable, str(VARIANTS), variant, str(config), str(output)]
    command += [f"--data-folder={data_folder}"] if data_folder else []
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{variant} failed: {result.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return figures


def examples_of_some_users(folder: Path) -> dict[tuple[str, bytes], list[str]]:
    """Return examples as text, by split and user, of the users whose ids sort first; features in one order."""
    spec = {"user": tf.io.FixedLenFeature([], tf.string)}
    records, users = [], []
    for split in ("train", "validation", "test"):
        files = sorted(str(file) for file in folder.glob(f"Split-{split}/*.gz"))
        for batch in tf.data.TFRecordDataset(files, compression_type="GZIP").batch(8192):
            users.append(tf.io.parse_example(batch, spec)["user"].numpy())
            records.append((split, batch))
    compared = np.unique(np.concatenate(users))[:COMPARED_USERS]
    examples: dict[tuple[str, bytes], list[str]] = {}
    for (split, batch), names in zip(records, users, strict=True):
        for row in np.flatnonzero(np.isin(names, compared)):
            example = tf.train.Example.FromString(batch[int(row)].numpy())
            features = sorted(example.features.feature.items())
            text = "\n".join(f"{name} {list(_values(feature))}" for name, feature in features)
            examples.setdefault((split, names[row]), []).append(text)
    return {key: sorted(texts) for key, texts in examples.items()}


def _values(feature: Any) -> Any:
    kind = feature.WhichOneof("kind")
    return getattr(feature, kind).value if kind else []


def compare(config: Path, data_folder: str | None, turns: int, scratch: Path) -> bool:
    """Print the speed of all variants on MovieLens 1M, and return whether the bars are reached."""
    seconds: dict[str, float] = {}
    parts: dict[str, float] = {}
    outputs = {}
    for turn in range(turns):
        for variant in ("blocks", "polars", "per_event"):
            if variant == "per_event" and turn > 0:
                continue
            output = scratch / f"{variant}-{turn}"
            figures = run(variant, config, output, data_folder)
            if turn == 0:
                outputs[variant] = examples_of_some_users(output)
            if figures["seconds"] < seconds.get(variant, float("inf")):
                seconds[variant] = figures["seconds"]
                parts = figures["parts"] if variant == "blocks" else parts
    is_same = outputs["blocks"] == outputs["polars"] == outputs["per_event"]
    examples = sum(map(len, outputs["blocks"].values()))
    print(f"the three make the same {examples:,} examples of {COMPARED_USERS} users: {'yes' if is_same else 'NO'}")
    for variant, duration in seconds.items():
        print(f"{variant:<10} {duration:8.1f} s  {EVENTS / duration:10,.0f} events/s")
    print("where the time goes: " + ", ".join(f"{part} {parts.get(part, 0.0):.1f} s" for part in PARTS))
    faster, slower = seconds["per_event"] / seconds["blocks"], seconds["blocks"] / seconds["polars"]
    print(f"faster than per event  {faster:6.1f}x  bar: at least {FASTER_THAN_PER_EVENT}x")
    print(f"time of Polars alone   {slower:6.2f}x  bar: at most {SLOWER_THAN_POLARS}x")
    return is_same and faster >= FASTER_THAN_PER_EVENT and slower <= SLOWER_THAN_POLARS


def measure(kind: str, events: int, scratch: Path, variant: str = "blocks") -> float:
    """Print the figures of one variant on a generated log, and return its microseconds of CPU per event."""
    folder = scratch / f"{kind}-{events}"
    config = folder / "log.yaml"
    if not config.exists():
        write_skewed_log(kind, events, folder)
    output = folder / variant
    figures = run(variant, config, output, None)
    shutil.rmtree(output)
    cpu = figures["cpu_seconds"] / events * 1e6
    print(
        f"{kind:<12} {events / 1e6:4.1f} million  {variant:<7} {figures['seconds']:6.1f} s  "
        f"CPU {figures['cpu_seconds']:6.1f} s, {cpu:5.1f} us/event  peak {figures['peak_megabytes']:6,.0f} MB",
        flush=True,
    )
    if variant == "blocks":
        PEAKS.append(figures["peak_megabytes"] * 2**20)
    return cpu


def grow(scratch: Path, sizes: Sequence[int], kinds: Sequence[str]) -> bool:
    """Print time and memory on generated logs, and return whether the bars are reached."""
    even = {events: measure("even", events, scratch) for events in sizes}
    for events in sizes:
        measure("even", events, scratch, "polars")
    uneven = {kind: measure(kind, UNEVEN_EVENTS, scratch) for kind in kinds}
    growth = max(even.values()) / min(even.values())
    print(f"CPU per event, worst size against best  {growth:5.2f}x  bar: at most {GROWTH}x")
    is_reached = growth <= GROWTH
    reference = even.get(UNEVEN_EVENTS, min(even.values()))
    for kind, cpu in uneven.items():
        print(f"CPU per event, {kind:<12} against even  {cpu / reference:5.2f}x  bar: at most {GROWTH}x")
        is_reached &= cpu <= GROWTH * reference
    bound = memory_bytes(IngestionConfig.model_fields["memory"].default)
    print(f"largest peak memory {max(PEAKS) / 1e9:5.2f} GB  bar: at most {bound / 1e9:.0f} GB")
    return is_reached and max(PEAKS) <= bound


def main() -> int:
    """Run the benchmark and return 0 if its bars are reached."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data-folder", help="Folder with ml-1m/; without it only generated logs are measured.")
    parser.add_argument("--turns", type=int, default=3, help="Runs of each variant on MovieLens 1M.")
    parser.add_argument("--events", type=int, nargs="+", default=SIZES, help="Sizes of the even logs, in events.")
    parser.add_argument("--kinds", nargs="*", default=KINDS[1:], choices=KINDS[1:], help="Uneven logs to measure.")
    arguments = parser.parse_args()
    config = Path(__file__).parents[1] / "configs" / "movielens-1m.yaml"
    with tempfile.TemporaryDirectory() as scratch:
        is_reached = True
        if arguments.data_folder:
            is_reached &= compare(config, arguments.data_folder, arguments.turns, Path(scratch))
        is_reached &= grow(Path(scratch), arguments.events, arguments.kinds)
    print("reached" if is_reached else "FALLS SHORT")
    return 0 if is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
