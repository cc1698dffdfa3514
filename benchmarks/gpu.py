"""Benchmark of training throughput on a GPU: the model alone, its input alone, and both together.

    python -m venv GPU && GPU/bin/pip install "jax[cuda13]" keras==3.15.1 pydantic rich
    GPU/bin/python benchmarks/gpu.py [--models din dien] [--batch-sizes 4096 65536] [--precisions float32]

The models run on Keras's JAX backend, so that no TensorFlow with CUDA is needed; the pipeline itself trains on
TensorFlow. The differences are: tables are updated by Keras's Adagrad, which updates every row, where the pipeline's
updates the rows of the batch; the GRU is a loop, where TensorFlow has cuDNN's; NumPy gathers the input, not tf.data.
Every step is compiled by XLA. Item, category and user of width 16, full histories of 50, attention 80-40, tower
200-80: the shape of `benchmarks/training.py`.

- model alone: batches are on the device already.
- input alone: shuffled examples in the host's memory, gathered into batches by `--readers` threads and copied over.
- together: the input as above, some batches ahead of the model.
- memory: memory of one step by the compiler: weights, slots, the batch and all intermediate values.
- products: rate of the operations of the step's matrix products, counted from its equations, and their share of the
  rate of one large product on this device in the same precision (float32 uses TF32 on GPUs that have it).
- traffic: rate of the bytes that the step's kernels read and write, counted by the compiler, and their share of the
  rate of a copy on this device; unknown for models with a loop, of which the compiler counts one iteration.

No bar is set. For scale: NVIDIA reports 381,000 to 572,000 samples/s for its TF2 SIM, which contains DIEN, of width 16
with histories of 100, on one A100: `--models dien --history 100` is the closest to it.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

import jax
import jax.numpy as jnp
import keras
import numpy as np

from benchmarks.support.synthetic_batches import make_batches
from benchmarks.support.synthetic_inputs import synthetic_inputs
from benchmarks.training import MODELS
from interestflow.models.registry import build_ranker, parse_hyperparameters

PRECISIONS = {"float32": jnp.float32, "mixed_bfloat16": jnp.bfloat16}
AHEAD = 2
RESIDENT = 4
"""Batches kept on the device, to measure the model alone."""
Arrays = dict[str, np.ndarray]


def iterate_equations(jaxpr: Any, times: int = 1) -> Iterator[tuple[Any, int]]:
    """Yield every equation of `jaxpr` and of the functions that it calls, and how often loops run it."""
    for equation in jaxpr.eqns:
        yield equation, times
        turns = equation.params["length"] if equation.primitive.name == "scan" else 1
        for value in jax.tree.leaves(list(equation.params.values()), is_leaf=_holds_equations):
            if _holds_equations(value):
                yield from iterate_equations(getattr(value, "jaxpr", value), times * turns)


def _holds_equations(value: Any) -> bool:
    return hasattr(getattr(value, "jaxpr", value), "eqns")


def matrix_operations(equation: Any) -> int:
    """Return the additions and multiplications of an equation that is a matrix product; 0 for any other."""
    if equation.primitive.name != "dot_general":
        return 0
    (contracted, _), _ = equation.params["dimension_numbers"]
    inner = math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)
    return 2 * inner * math.prod(equation.outvars[0].aval.shape)


class Step:
    """Compiled training step of a model at one batch size.

    Attributes:
        operations: Additions and multiplications of its matrix products.
        memory: Memory of the step, in bytes.
        traffic: Bytes that its kernels read and write; None where unknown.
    """

    def __init__(self, model: str, items: int, history: int, examples: Arrays, batch_size: int) -> None:
        """Build the model and compile its step."""
        negatives = parse_hyperparameters(model, {}).uses_history_negatives
        inputs = synthetic_inputs(items, history, negatives=negatives)
        keras.utils.set_random_seed(17)
        ranker = build_ranker(model, inputs, {"tower_units": (200, 80)})
        ranker.compile(optimizer=keras.optimizers.Adagrad(0.05))
        ranker.optimizer.build(ranker.trainable_variables)
        model_variables = (ranker.trainable_variables, ranker.non_trainable_variables, ranker.optimizer.variables)
        self.state = tuple(
            [variable.value for variable in variables] for variables in (*model_variables, ranker.metrics_variables)
        )
        names = {*inputs.tensors(), *inputs.training_tensors(), "label"}
        self.examples = {name: values for name, values in examples.items() if name in names}
        self.batch_size = batch_size
        self.batches = [self.load(rows) for rows in self.rows(RESIDENT)]
        traced = jax.jit(ranker.train_step, donate_argnums=0).trace(self.state, self.batches[0])
        equations = list(iterate_equations(traced.jaxpr.jaxpr))
        self.operations = sum(times * matrix_operations(equation) for equation, times in equations)
        self.compiled = traced.lower().compile()
        has_loop = any(equation.primitive.name == "scan" for equation, _ in equations)
        self.traffic = None if has_loop else self.compiled.cost_analysis()["bytes accessed"]
        sizes = self.compiled.memory_analysis()
        self.memory = (
            sizes.argument_size_in_bytes
            + sizes.output_size_in_bytes
            - sizes.alias_size_in_bytes
            + sizes.temp_size_in_bytes
        )

    def train(self, batch: Any) -> None:
        """Run the step on a batch."""
        _, self.state = self.compiled(self.state, batch)

    def finish(self) -> None:
        """Wait until all steps are done.

        Raises:
            FloatingPointError: If the weights are not finite.
        """
        total = float(sum(jnp.sum(jnp.abs(value)) for value in self.state[0]))
        if not math.isfinite(total):
            raise FloatingPointError(f"weights should be finite, their sum is {total}")

    def rows(self, batches: int) -> Iterator[np.ndarray]:
        """Yield the rows of each batch; every epoch has another order."""
        random, count = np.random.default_rng(17), len(self.examples["label"])
        in_epoch = count // self.batch_size
        for batch_index in range(batches):
            position = batch_index % in_epoch
            if not position:
                order = random.permutation(count)
            yield order[position * self.batch_size : (position + 1) * self.batch_size]

    def load(self, rows: np.ndarray) -> Any:
        """Return features and labels of the examples at `rows`, on the device."""
        features = {name: values.take(rows, axis=0) for name, values in self.examples.items()}
        return jax.device_put((features, {"click": features.pop("label")}))

    def read(self, readers: ThreadPoolExecutor, batches: int, ahead: int) -> Iterator[Any]:
        """Yield batches on the device, in order, with `ahead` of them being read."""
        waiting: list[Future[Any]] = []
        for rows in self.rows(batches):
            waiting.append(readers.submit(self.load, rows))
            if len(waiting) > ahead:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()


def run_model(step: Step, steps: int) -> None:
    """Train on batches that are on the device."""
    for step_index in range(steps):
        step.train(step.batches[step_index % len(step.batches)])
    step.finish()


def run_input(step: Step, readers: ThreadPoolExecutor, steps: int, ahead: int) -> None:
    """Read batches without training."""
    for batch in step.read(readers, steps, ahead):
        jax.block_until_ready(batch)


def run_both(step: Step, readers: ThreadPoolExecutor, steps: int, ahead: int) -> None:
    """Train on batches while they are read."""
    for batch in step.read(readers, steps, ahead):
        step.train(batch)
    step.finish()


def examples_per_second(step: Step, run: Callable[[int], None], seconds: float) -> float:
    """Return the median rate of three windows of about `seconds` each."""
    run(4)
    began = time.perf_counter()
    run(8)
    steps = max(8, round(8 * seconds / (time.perf_counter() - began)))
    rates = []
    for _ in range(3):
        began = time.perf_counter()
        run(steps)
        rates.append(steps * step.batch_size / (time.perf_counter() - began))
    return statistics.median(rates)


def time_compiled(compute: Callable[..., Any], *arguments: Any) -> float:
    """Return the duration of a call in seconds, the median of three means over ten calls."""
    compiled = jax.jit(compute)
    compiled(*arguments).block_until_ready()
    times = []
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(10):
            result = compiled(*arguments)
        result.block_until_ready()
        times.append((time.perf_counter() - began) / 10)
    return statistics.median(times)


def peak_operations(dtype: Any, size: int) -> float:
    """Return the operations per second of a large matrix product on random numbers."""
    first, second = (jax.random.normal(jax.random.key(key), (size, size), dtype) for key in (1, 2))
    return 2 * size**3 / time_compiled(jnp.matmul, first, second)


def peak_traffic(count: int) -> float:
    """Return the bytes per second, read and written, of copying `count` numbers with the sign changed."""
    return 2 * 4 * count / time_compiled(jnp.negative, jnp.ones(count, "float32"))


def measure(step: Step, readers: ThreadPoolExecutor, ahead: int, seconds: float) -> tuple[float, float, float]:
    """Return the examples per second of only the model, of only the input, and of both."""
    runs: tuple[Callable[[int], None], ...] = (
        lambda steps: run_model(step, steps),
        lambda steps: run_input(step, readers, steps, ahead),
        lambda steps: run_both(step, readers, steps, ahead),
    )
    model, reading, both = (examples_per_second(step, run, seconds) for run in runs)
    return model, reading, both


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS, help="Models to train.")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[4096, 16384, 65536], help="Examples in a batch.")
    parser.add_argument(
        "--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS), help="Policies of Keras."
    )
    parser.add_argument("--items", type=int, default=100_000, help="Number of items.")
    parser.add_argument("--history", type=int, default=50, help="Behaviours in a history.")
    parser.add_argument("--ids", choices=["zipf", "uniform"], default="zipf", help="Distribution of item ids.")
    parser.add_argument("--readers", type=int, default=min(8, os.cpu_count() or 1), help="Threads that read.")
    parser.add_argument("--seconds", type=float, default=1.0, help="Seconds of a window.")
    parser.add_argument("--product", type=int, default=8192, help="Rows and columns of the large product.")
    parser.add_argument("--copy", type=int, default=2**29, help="Numbers that the copy has.")
    arguments = parser.parse_args()
    device = jax.devices()[0]
    limit = (device.memory_stats() or {}).get("bytes_limit", math.inf)
    fastest = peak_traffic(arguments.copy)
    print(
        f"{device.device_kind}, JAX {jax.__version__}, Keras {keras.__version__}; {arguments.items:,} items, "
        f"{arguments.ids} ids, histories of {arguments.history}; a copy moves {fastest / 1e12:.1f} TB/s",
        flush=True,
    )
    count = max(2**18, *arguments.batch_sizes)
    synthetic = make_batches(arguments.items, 1, count, arguments.history, arguments.ids, negatives=True)
    # JAX's integers have 32 bits.
    examples = {name: values[0].astype("float32" if name == "label" else "int32") for name, values in synthetic.items()}
    ahead = max(AHEAD, arguments.readers)
    with ThreadPoolExecutor(arguments.readers) as readers:
        for precision in arguments.precisions:
            keras.config.set_dtype_policy(precision)
            most = peak_operations(PRECISIONS[precision], arguments.product)
            print(f"{precision}: a product of {arguments.product:,} squared reaches {most / 1e12:,.0f} TFLOP/s")
            print(
                f"  {'model':<10}{'batch':>8}{'model alone':>13}{'input alone':>13}{'together':>12}  {'bound by':<9}"
                f"{'step':>9}{'memory':>12}{'products':>23}{'traffic':>20}"
            )
            for model in arguments.models:
                for batch_size in arguments.batch_sizes:
                    step = Step(model, arguments.items, arguments.history, examples, batch_size)
                    beginning = f"  {model:<10}{batch_size:8,}"
                    if step.memory > limit:
                        print(f"{beginning}  does not fit: a step takes {step.memory / 2**30:.1f} GiB", flush=True)
                        continue
                    model_rate, input_rate, both_rate = measure(step, readers, ahead, arguments.seconds)
                    seconds = batch_size / model_rate
                    products = step.operations / seconds
                    traffic = "-" if step.traffic is None else _with_share(step.traffic / seconds, fastest, "TB/s")
                    print(
                        f"{beginning}{model_rate:13,.0f}{input_rate:13,.0f}{both_rate:12,.0f}  "
                        f"{'model' if model_rate < input_rate else 'input':<9}{1000 * seconds:6.1f} ms"
                        f"{step.memory / 2**30:8.2f} GiB{_with_share(products, most, 'TFLOP/s'):>23}{traffic:>20}",
                        flush=True,
                    )


def _with_share(rate: float, most: float, unit: str) -> str:
    return f"{rate / 1e12:.1f} {unit}, {rate / most:.1%}"


if __name__ == "__main__":
    main()
