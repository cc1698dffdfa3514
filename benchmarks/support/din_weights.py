"""Initial weights of DIN, equal for all programs that a benchmark compares; needs only NumPy, for any environment."""

from __future__ import annotations

import math

import numpy as np

try:
    from benchmarks.support.synthetic_batches import CATEGORIES, USERS
except ImportError:  # in the environment of a peer, which has this folder alone on its path
    from synthetic_batches import CATEGORIES, USERS

WIDTH = 16
ATTENTION_UNITS = (80, 40)
TOWER_UNITS = (200, 80)
TABLES = ("item", "category", "user", "item_bias")


def make_weights(items: int, seed: int = 17) -> dict[str, np.ndarray]:
    """Return float32 weights by name: tables `[rows, width]`, kernels `[inputs, units]`, and biases of zeros.

    Args:
        items: Number of items. Tables have a row more, for padding, which no full history uses.
        seed: Seed of the random numbers.
    """
    random = np.random.default_rng(seed)
    width = 2 * WIDTH  # of an item with its category
    attention = (4 * width, *ATTENTION_UNITS, 1)
    tower = (3 * width + WIDTH, *TOWER_UNITS, 1)

    def table(rows: int) -> np.ndarray:
        return (random.random((rows + 1, WIDTH), np.float32) - np.float32(0.5)) / np.float32(10)

    weights = {"item": table(items), "category": table(CATEGORIES), "user": table(USERS)}
    weights["item_bias"] = np.zeros((items + 1, 1), np.float32)
    sizes = {"interest": (width, width)}
    sizes |= {f"attention_{i}": attention[i : i + 2] for i in range(3)}
    sizes |= {f"tower_{i}": tower[i : i + 2] for i in range(3)}
    for name, (inputs, units) in sizes.items():
        limit = math.sqrt(6.0 / (inputs + units))
        weights[f"{name}_kernel"] = random.uniform(-limit, limit, (inputs, units)).astype(np.float32)
        weights[f"{name}_bias"] = np.zeros(units, np.float32)
    return weights
