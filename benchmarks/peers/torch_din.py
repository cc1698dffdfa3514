"""Train `din`'s own arithmetic in PyTorch, in the environment `.venv-torch` of `benchmarks/peers/setup.sh`.

Follows the protocol of `benchmarks/support/training_worker.py`, from the same weights and on the same batches. The
variants differ in whether `torch.compile` fuses the model, and in what updates the rows of the tables:

| variant | model | rows |
|---|---|---|
| eager | as it is | sparse gradients and `torch.optim.Adagrad` |
| compiled | compiled | sparse gradients and `torch.optim.Adagrad` |
| rows | compiled | by hand: `unique`, `index_add`, and the rows written back |
| one-pass | compiled | a function in C++ that sums, accumulates and writes at once |
| fbgemm | compiled | FBGEMM's fused row-wise Adagrad, with the other weights under Adagrad |
| bfloat16 | compiled, under autocast | by hand |
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from din_weights import TABLES, make_weights
from synthetic_batches import make_batches
from timed_windows import answer_windows
from torch_tables import TABLES_BY_VARIANT

RATE, INITIAL, EPSILON = 0.05, 0.1, 1e-7
VARIANTS = ("eager", "compiled", "rows", "one-pass", "fbgemm", "bfloat16")
Weights = dict[str, torch.Tensor]


def attention_scores(weights: Weights, target: torch.Tensor, history: torch.Tensor) -> torch.Tensor:
    """Return the scores [B, T] of a history [B, T, d], by the same split of the first layer as in our layer."""
    query, key, difference, product = weights["attention_0_kernel"].split(target.shape[-1])
    query_term = target @ (query + difference) + weights["attention_0_bias"]
    hidden = history @ (key - difference) + (target[:, None] * history) @ product + query_term[:, None]
    hidden = torch.sigmoid(hidden)
    hidden = torch.sigmoid(hidden @ weights["attention_1_kernel"] + weights["attention_1_bias"])
    return (hidden @ weights["attention_2_kernel"] + weights["attention_2_bias"])[..., 0]


def dice(inputs: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Return Dice of inputs [B, C] with the batch's statistics."""
    values = inputs.float()
    mean = values.mean(0)
    variance = (values - mean).square().mean(0)
    gate = torch.sigmoid((values - mean) * torch.rsqrt(variance + 1e-8)).to(inputs.dtype)
    return inputs * (alpha + gate * (1.0 - alpha))


def compute_loss(weights: Weights, vectors: Weights, labels: torch.Tensor) -> torch.Tensor:
    """Return the loss of a batch whose embeddings have been looked up."""
    target = torch.cat([vectors["item"], vectors["category"]], -1)
    history = torch.cat([vectors["history_item"], vectors["history_category"]], -1)
    pooled = torch.bmm(attention_scores(weights, target, history)[:, None].to(history.dtype), history)[:, 0]
    interest = pooled @ weights["interest_kernel"] + weights["interest_bias"]
    hidden = torch.cat([interest, target, interest * target, vectors["user"]], -1)
    for layer in range(2):
        hidden = hidden @ weights[f"tower_{layer}_kernel"] + weights[f"tower_{layer}_bias"]
        hidden = dice(hidden, weights[f"dice_{layer}"])
    logits = hidden @ weights["tower_2_kernel"] + weights["tower_2_bias"] + vectors["item_bias"]
    return binary_cross_entropy_with_logits(logits[:, 0].float(), labels)


class Training:
    """Training steps of one variant.

    Args:
        variant: One of `VARIANTS`.
        items: Number of items.
    """

    def __init__(self, variant: str, items: int) -> None:
        """Create the tables, the other weights and their optimizer."""
        weights = {name: torch.from_numpy(value) for name, value in make_weights(items).items()}
        settings = {"rate": RATE, "initial": INITIAL, "epsilon": EPSILON}
        self.tables = TABLES_BY_VARIANT[variant]({name: weights.pop(name) for name in TABLES}, **settings)
        weights |= {f"dice_{i}": torch.zeros(units) for i, units in enumerate((200, 80))}
        self.weights = {name: torch.nn.Parameter(value) for name, value in weights.items()}
        self.optimizer = torch.optim.Adagrad(
            self.weights.values(), lr=RATE, initial_accumulator_value=INITIAL, eps=EPSILON
        )
        self.loss: Any = compute_loss if variant == "eager" else torch.compile(compute_loss, dynamic=False)
        self.is_half = variant == "bfloat16"

    def step(self, features: Weights, labels: torch.Tensor) -> torch.Tensor:
        """Train on one batch and return its loss."""
        vectors = self.tables.look_up(features)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.is_half):
            loss = self.loss(self.weights, vectors, labels)
        loss.backward()
        self.tables.update()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()


def main() -> None:
    """Train in windows, one for each line on standard input, or print the first losses."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--variant", choices=VARIANTS, default="rows", help="What fuses the model and updates the rows."
    )
    parser.add_argument("--items", type=int, default=100_000, help="Number of items.")
    parser.add_argument("--ids", default="zipf", help="Distribution of item ids.")
    parser.add_argument("--steps", type=int, default=30, help="Steps in a window.")
    parser.add_argument("--losses", type=int, default=0, help="Print the losses of so many steps, and end.")
    arguments = parser.parse_args()
    training = Training(arguments.variant, arguments.items)
    steps = arguments.losses or arguments.steps
    arrays = make_batches(arguments.items, arguments.steps, ids=arguments.ids)
    batches = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}
    labels = batches.pop("label")

    def step(index: int) -> torch.Tensor:
        return training.step({name: value[index] for name, value in batches.items()}, labels[index])

    if arguments.losses:
        print(*(f"{float(step(index)):.9f}" for index in range(steps)))
        return

    def train() -> None:
        for index in range(steps):
            step(index)

    answer_windows(train, steps, labels.shape[1])


if __name__ == "__main__":
    main()
