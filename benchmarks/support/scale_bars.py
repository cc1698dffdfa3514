"""What `benchmarks/scale.py` prints: each run as a table, and each bar with whether it is reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.support.scale_stage import POLARS

GROWTH, MEMORY_MB, RATE = 1.3, 4e9 / 2**20, 30_000
"""Bars: time per event over the best, peak memory of a process, and examples for each second of CPU."""
SPLIT_SHARES: Mapping[str, float] = {
    "Transform": 0.9, "Trainer": 0.8, "BaselineTrainer": 0.8, "Evaluator": 0.1, "BaselineEvaluator": 0.1,
}  # fmt: skip
"""Share of the events whose examples a step reads: transform leaves the test split out, which evaluation reads."""
RATED = ("StatisticsGen", "Transform")
LISTED_SECONDS = 1.0
"""Steps that take less are not listed: they read no examples."""
UNSCALED = ("ServingValidator",)
"""Steps whose work does not grow with the log."""
Run = Mapping[str, Any]
Runs = Sequence[Run]


def examples_of(step: str, events: int) -> float:
    """Return the number of examples that a step reads from a log of impressions."""
    return events * SPLIT_SHARES.get(step, 1.0)


def show_run(run: Run) -> Iterator[str]:
    """Yield a table of a run, a line for each step."""
    skew = ", skewed" if run["is_skewed"] else ""
    yield f"{run['events']:,} events, {run['items']:,} items, histories of {run['history']}{skew}"
    yield (
        f"  {'':<18}{'time':>9}{'CPU':>10}{'us/event':>10}{'examples/s':>12}{'peak':>10}{'all':>8}{'read':>9}"
        f"{'written':>9}{'output':>9}"
    )
    for step, record in run["steps"].items():
        if record["seconds"] < LISTED_SECONDS:
            continue
        per_event = 1e6 * record["seconds"] / run["events"]
        rate = examples_of(step, run["events"]) / record["cpu_seconds"]
        yield (
            f"  {step:<18}{record['seconds']:7.1f} s{record['cpu_seconds']:8.1f} s{per_event:10.1f}{rate:12,.0f}"
            f"{record['peak_mb']:7,.0f} MB{record['total_peak_mb']:8,.0f}{record['read_mb']:9,.0f}"
            f"{record['written_mb']:9,.0f}{record['output_mb']:9,.0f}"
        )
        if "export" in record:
            export = record["export"]
            yield f"    {'its export':<16}{export['seconds']:7.1f} s{export['cpu_seconds']:8.1f} s{'':22}"
        training = record.get("training")
        if training and training["examples_per_second"]:
            yield f"    {'its steps':<16}{training['seconds']:7.1f} s{'':20}{training['examples_per_second']:12,.0f}"
    yield "  examples/s: for each second of CPU; of training steps: of wall time. Memory in MB of 2^20 bytes."


def judge(start: Run, even: Runs, skewed: Runs) -> tuple[list[str], bool]:
    """Compare runs with the bars.

    Args:
        start: run on a log so small that it measures the start of each step.
        even: runs on logs of several sizes.
        skewed: runs on skewed logs, of the largest of those sizes.

    Returns:
        A line for each bar, and whether all are reached.
    """
    verdicts = [*_growth(start, even), *_memory([*even, *skewed]), *_rates(even), *_skew(even, skewed)]
    lines = [f"{text}: {'reached' if is_reached else 'FALLS SHORT'}" for text, is_reached in verdicts]
    return [*lines, *_beside_polars(even)], all(is_reached for _, is_reached in verdicts)


def _judged_steps(run: Run) -> list[str]:
    steps = run["steps"]
    return [name for name in steps if steps[name]["seconds"] >= LISTED_SECONDS and name not in (POLARS, *UNSCALED)]


def _growth(start: Run, even: Runs) -> Iterator[tuple[str, bool]]:
    """Yield the verdicts on time per event over the sizes; the figures with the start are shown beside."""
    if len(even) < 2:
        return
    for step in _judged_steps(even[-1]):
        runs = [run for run in even if step in run["steps"]]
        began = start["steps"].get(step, {"seconds": 0.0})["seconds"]
        whole = [1e6 * run["steps"][step]["seconds"] / run["events"] for run in runs]
        flat = [max(us - 1e6 * began / run["events"], 1e-3) for us, run in zip(whole, runs, strict=True)]
        ratio = max(flat) / min(flat)
        shown = ", ".join(f"{us:.1f}" for us in flat)
        complete = ", ".join(f"{us:.1f}" for us in whole)
        yield (
            f"{step}: {shown} us/event beside a start of {began:.1f} s ({complete} with it), "
            f"{ratio:.2f}x the best, bar {GROWTH}x",
            ratio <= GROWTH,
        )


def _memory(runs: Runs) -> Iterator[tuple[str, bool]]:
    """Yield the verdict on the largest process of each run."""
    for run in runs:
        steps = {name: record["peak_mb"] for name, record in run["steps"].items() if name != POLARS}
        name = max(steps, key=lambda step: steps[step])
        skew = " skewed" if run["is_skewed"] else ""
        text = f"{run['events']:,}{skew} events: the largest process, {name}, had {steps[name]:,.0f} MB"
        yield f"{text}, bar {MEMORY_MB:,.0f} MB", steps[name] <= MEMORY_MB


def _rates(even: Runs) -> Iterator[tuple[str, bool]]:
    """Yield the verdicts on examples for each second of CPU at the largest size."""
    for step in RATED:
        record = even[-1]["steps"].get(step)
        if record is not None:
            rate = examples_of(step, even[-1]["events"]) / record["cpu_seconds"]
            yield f"{step}: {rate:,.0f} examples/s a core, bar {RATE:,}", rate >= RATE


def _skew(even: Runs, skewed: Runs) -> Iterator[tuple[str, bool]]:
    """Yield the verdicts on the time of skewed logs beside that of even ones."""
    for run in skewed:
        steps = even[-1]["steps"]
        for step in _judged_steps(run):
            if step in steps:
                ratio = run["steps"][step]["seconds"] / steps[step]["seconds"]
                yield f"{step}: skewed {ratio:.2f}x the time of even, bar {GROWTH}x", ratio <= GROWTH


def _beside_polars(even: Runs) -> Iterator[str]:
    """Yield the times of ingestion beside those of the same join in Polars alone."""
    for run in even:
        ours, theirs = run["steps"].get("LogExampleGen"), run["steps"].get(POLARS)
        if ours and theirs:
            yield (
                f"{run['events']:,} events: ingestion {ours['seconds'] / theirs['seconds']:.2f}x the time and "
                f"{ours['peak_mb'] / theirs['peak_mb']:.2f}x the memory of Polars alone"
            )


def show_comparison(revision: str, before: Runs, after: Runs) -> Iterator[str]:
    """Yield the time, CPU and memory of each step beside those of another revision."""
    for old, new in zip(before, after, strict=True):
        yield f"{new['events']:,} events: {revision} -> now"
        for step, record in new["steps"].items():
            earlier = old["steps"].get(step)
            if earlier is not None and step != POLARS and max(record["seconds"], earlier["seconds"]) >= LISTED_SECONDS:
                yield (
                    f"  {step:<18}{earlier['seconds']:7.1f} -> {record['seconds']:7.1f} s{earlier['cpu_seconds']:9.1f}"
                    f" -> {record['cpu_seconds']:7.1f} s of CPU{earlier['peak_mb']:8,.0f} -> "
                    f"{record['peak_mb']:7,.0f} MB"
                )
