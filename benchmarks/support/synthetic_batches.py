"""Synthetic batches, equal for all programs that a benchmark compares; needs only NumPy, for any environment."""

from __future__ import annotations

import numpy as np

CATEGORIES = 1_000
USERS = 100_000


def make_batches(
    items: int,
    batches: int,
    batch_size: int = 1024,
    history: int = 50,
    ids: str = "zipf",
    seed: int = 17,
    negatives: bool = False,
) -> dict[str, np.ndarray]:
    """Return batches with full histories: tensors `[batches, batch_size, ...]`, ids int64 from 1, since 0 is padding.

    Args:
        items: Number of items, each of which belongs to one of 1,000 categories.
        batches: Number of batches.
        batch_size: Examples in a batch.
        history: Behaviours of each example.
        ids: `zipf` draws the item of rank r with a probability proportional to 1/r, roughly as in real logs; `uniform`
            draws all items with equal probability.
        seed: Seed of the random numbers.
        negatives: Whether to add a negative item for each behaviour, which is another example's behaviour.
    """
    random = np.random.default_rng(seed)
    if ids == "zipf":
        cumulative = np.cumsum(1.0 / np.arange(1, items + 1))
        ranks = np.searchsorted(cumulative / cumulative[-1], random.random((batches, batch_size, history + 1)))
        # Popular items are spread over the table, as they are in a real one.
        items_drawn = random.permutation(items)[np.minimum(ranks, items - 1)] + 1
    elif ids == "uniform":
        items_drawn = random.integers(1, items + 1, (batches, batch_size, history + 1))
    else:
        raise ValueError(f"`ids` should be zipf or uniform, received {ids!r}")
    categories = items_drawn % CATEGORIES + 1
    sampled = {}
    if negatives:
        sampled = {
            "history_negative_item": np.roll(items_drawn[..., 1:], 1, axis=1),
            "history_negative_category": np.roll(categories[..., 1:], 1, axis=1),
        }
    return {
        **sampled,
        "item": items_drawn[..., 0],
        "category": categories[..., 0],
        "history_item": items_drawn[..., 1:],
        "history_category": categories[..., 1:],
        "user": random.integers(1, USERS + 1, (batches, batch_size)),
        "label": random.integers(0, 2, (batches, batch_size)).astype(np.float32),
    }
