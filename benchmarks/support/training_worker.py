"""Train one of our rankers on synthetic batches, one timed window for each line on standard input.

Started by `benchmarks/training.py`, which takes turns between this and its peers. Prints `ready` after warming up, then
for every line the examples per second of one window and its CPU time per step in ms.
"""

from __future__ import annotations

import argparse

import keras

from benchmarks.support.shared_weights import assign_shared_weights, first_losses
from benchmarks.support.synthetic_batches import make_batches
from benchmarks.support.synthetic_inputs import synthetic_inputs
from benchmarks.support.timed_windows import serve_windows
from interestflow.models.native.allocator import keep_freed_memory
from interestflow.models.native.library import enable_native_kernels
from interestflow.models.optimizers import build_optimizer
from interestflow.models.registry import build_ranker, parse_hyperparameters
from interestflow.models.training_config import OptimizerConfig


def main() -> None:
    """Train the model in windows, one for each line on standard input."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="din")
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--ids", default="zipf")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--optimizer", default="sparse_adagrad")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--xla", action="store_true")
    parser.add_argument("--losses", type=int, default=0, help="Print the losses of so many steps of DIN, and end.")
    parser.add_argument("--no-kernels", action="store_true", help="Use TensorFlow's own operations alone.")
    parser.add_argument("--steps-per-execution", type=int, default=1)
    arguments = parser.parse_args()

    keras.utils.set_random_seed(17)
    keras.config.set_dtype_policy(arguments.precision)
    negatives = parse_hyperparameters(arguments.model, {}).uses_history_negatives
    keep_freed_memory()  # as the pipeline does
    enable_native_kernels(not arguments.xla and not arguments.no_kernels)
    inputs = synthetic_inputs(arguments.items, negatives=negatives)
    model = build_ranker(arguments.model, inputs, {"tower_units": (200, 80)})
    model.compile(
        optimizer=build_optimizer(OptimizerConfig(name=arguments.optimizer), arguments.xla),
        jit_compile=arguments.xla,
        steps_per_execution=arguments.steps_per_execution,
    )
    model.optimizer.build(model.trainable_variables)  # the pipeline does the same, so that slots are on huge pages
    batches = make_batches(
        arguments.items, arguments.steps, arguments.batch_size, ids=arguments.ids, negatives=inputs.history_negatives
    )
    labels = {"click": batches.pop("label")}
    if arguments.model == "din":
        assign_shared_weights(model, arguments.items)
    if arguments.losses:
        print(*(f"{loss:.9f}" for loss in first_losses(model, batches, labels, arguments.losses)))
        return
    serve_windows(model, batches, labels)


if __name__ == "__main__":
    main()
