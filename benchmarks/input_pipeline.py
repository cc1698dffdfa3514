"""Benchmark of the input pipeline: examples per second of the input alone, the model alone, and both together.

    python -m benchmarks.input_pipeline [--models din tin] [--examples 60000] [--history full]
    python -m benchmarks.input_pipeline --models    # the input alone, without a model

Examples have the shape of a MovieLens configuration: target, and up to 50 steps of item, age, category and rating, in
columns as the transform writes them. Histories have any length up to 50 alike (`--history mixed`), or are full.

- model alone: steps on one batch that stays in memory.
- input alone: an epoch of batches that nothing reads, and its CPU time: rate of one core.
- together: an epoch of training. From memory, and streamed (`training.cache_limit_mb` 0).

The bars: the input alone, on all cores, has at least 1.5 times the model's rate, and training has at least 90% of it,
from memory and streamed. Each figure is the best of `--turns`, measured in turns. The first lines say how many cores of
this kind an accelerator needs: the rate that it trains at, divided by the rate of one core in batches of 8,192.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

import keras
import tensorflow as tf

from interestflow.models.inputs import CategoricalInput, ModelInputs
from interestflow.models.optimizers import build_optimizer
from interestflow.models.registry import build_ranker, parse_hyperparameters
from interestflow.models.training_config import OptimizerConfig
from interestflow.pipeline.training.data import Split
from interestflow.pipeline.training.example_layout import ExampleLayout
from interestflow.pipeline.training.ranker import RankerTraining
from interestflow.transforms.transformed.format import BATCH_ROWS, file_name
from interestflow.transforms.transformed.writer import ColumnFile

MODELS = ("pooled", "din", "dien", "tin", "diffumin", "infnet")
LENGTH, FILES, BATCH = 50, 4, 1024
LARGE_BATCH = 8192
"""Examples in a batch of an accelerator."""
WINDOW = 20_000
"""Examples that are shuffled together when they are streamed: a streamed split is many times as large."""
INPUT_BAR, TRAINING_BAR = 1.5, 0.9
ACCELERATOR_RATES = (5e6, 8e6)
"""Examples per second of `din` on an NVIDIA H200, in float32 and bfloat16: see `benchmarks/gpu.py`."""
CACHE_LIMITS = {"memory": 4096, "files": 0}


def describe_inputs(negatives: bool) -> ModelInputs:
    """Return the inputs of the models, with items drawn for behaviours if `negatives`."""
    return ModelInputs(
        tasks=("like",),
        item_rows=4000,
        history_length=LENGTH,
        history_age_buckets=32,
        categorical=(
            CategoricalInput("category", 20, "item", None, True, True),
            CategoricalInput("rating", 7, "event", None, False, True),
        ),
        history_negatives=negatives,
    )


def write_examples(count: int, folder: Path, full: bool) -> str:
    """Write random examples, with histories of any length or full ones, and return the pattern of their files."""
    random = np.random.default_rng(1)
    layout = ExampleLayout.build(describe_inputs(negatives=True))
    for shard in range(FILES):
        with ColumnFile(str(folder / file_name(shard, FILES)), layout.columns) as file:
            for start in range(0, count // FILES, BATCH_ROWS):
                size = min(BATCH_ROWS, count // FILES - start)
                lengths = np.full(size, LENGTH) if full else random.integers(0, LENGTH + 1, size)
                is_behaviour = np.arange(LENGTH) < lengths[:, None]
                tensors = {}
                for name, column in layout.columns.items():
                    rows = layout.table_rows.get(name)
                    values = random.integers(0 if rows is None else 1, rows or 2, (size, *column.shape))
                    tensors[name] = values * is_behaviour if name in layout.history_names else values
                file.write(tensors)
    return str(folder / "*")


def epoch(split: Split, epoch_index: int, batch_size: int = BATCH) -> tf.data.Dataset:
    """Return the batches of one epoch."""
    return split.epoch(batch_size, seed=1, epoch=epoch_index, shuffle_buffer=WINDOW, drop_remainder=True)


def reading_rates(split: Split, epoch_index: int, batch_size: int = BATCH) -> tuple[float, float]:
    """Return the examples per second of reading one epoch, and those per second of CPU time."""
    dataset = epoch(split, epoch_index, batch_size)
    began, processor = time.perf_counter(), time.process_time()
    dataset.reduce(0, lambda count, *_: count + 1)
    return split.count / (time.perf_counter() - began), split.count / (time.process_time() - processor)


def training_rate(model: keras.Model, dataset: tf.data.Dataset, steps: int) -> float:
    """Return the examples per second of training one epoch."""
    began = time.perf_counter()
    model.fit(dataset, epochs=1, verbose=0, shuffle=False)
    return steps * BATCH / (time.perf_counter() - began)


def measure(name: str, pattern: str, turns: int) -> dict[str, float]:
    """Return the best rates of one model: alone, and for each way of reading of the input and of both."""
    inputs = describe_inputs(parse_hyperparameters(name, {}).uses_history_negatives)
    splits = {kind: Split.read([pattern], inputs, limit) for kind, limit in CACHE_LIMITS.items()}
    keras.utils.set_random_seed(17)
    model = RankerTraining(build_ranker(name, inputs, {}))
    model.compile(optimizer=build_optimizer(OptimizerConfig()))
    batch = epoch(splits["memory"], 0).take(1)
    model.fit(batch, verbose=0, shuffle=False)  # traces the graph
    steps = splits["memory"].steps(BATCH, drop_remainder=True)
    repeated = batch.cache().repeat(steps)
    rates: dict[str, list[float]] = {}
    for turn in range(turns):
        rates.setdefault("model", []).append(training_rate(model, repeated, steps))
        for kind, split in splits.items():
            rates.setdefault(f"read {kind}", []).append(reading_rates(split, turn)[0])
            rates.setdefault(f"train {kind}", []).append(training_rate(model, epoch(split, turn), steps))
    return {key: max(values) for key, values in rates.items()}


def report_input(pattern: str, turns: int) -> None:
    """Print the memory of an example in the cache, and what one core delivers in batches of two sizes."""
    for kind, limit in CACHE_LIMITS.items():
        split = Split.read([pattern], describe_inputs(negatives=False), limit)
        if split.block is not None:
            columns = split.files.layout.columns.values()
            padded = sum(4 * int(np.prod(column.shape)) for column in columns)
            print(f"cache: {split.block.nbytes / split.count:.0f} bytes an example; padded to 32 bits {padded}")
        for batch_size in (BATCH, LARGE_BATCH):
            core = max(reading_rates(split, turn, batch_size)[1] for turn in range(turns))
            needed = " to ".join(f"{accelerator / core:.1f}" for accelerator in ACCELERATOR_RATES)
            line = f"input from {kind:<7} in batches of {batch_size:,}: {core:,.0f} examples/s a core"
            print(f"{line}; an accelerator at 5 to 8 million examples/s needs {needed} cores", flush=True)


def main() -> int:
    """Run the benchmark and return 0 if its bars are reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=MODELS, choices=MODELS, help="Rankers to train.")
    parser.add_argument("--examples", type=int, default=60_000, help="Number of examples.")
    parser.add_argument("--history", choices=("mixed", "full"), default="mixed", help="Lengths of histories.")
    parser.add_argument("--turns", type=int, default=3, help="Measurements of each figure.")
    arguments = parser.parse_args()
    is_reached = True
    with tempfile.TemporaryDirectory() as folder:
        pattern = write_examples(arguments.examples, Path(folder), arguments.history == "full")
        report_input(pattern, arguments.turns)
        for name in arguments.models:
            best = measure(name, pattern, arguments.turns)
            print(f"{name}: model alone {best['model']:,.0f} examples/s", flush=True)
            for kind in CACHE_LIMITS:
                share, ratio = best[f"train {kind}"] / best["model"], best[f"read {kind}"] / best["model"]
                is_reached &= share >= TRAINING_BAR and ratio >= INPUT_BAR
                print(
                    f"  from {kind:<7} input alone {best[f'read {kind}']:10,.0f} examples/s, {ratio:5.1f} times the "
                    f"model (bar {INPUT_BAR}); "
                    f"together {best[f'train {kind}']:,.0f}, {share:.0%} of the model (bar {TRAINING_BAR:.0%})"
                )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")
    print("reached" if is_reached else "FALLS SHORT")
    return 0 if is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
