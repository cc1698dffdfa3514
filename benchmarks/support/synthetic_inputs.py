"""Inputs of our models for the batches of `benchmarks/support/synthetic_batches.py`."""

from __future__ import annotations

from benchmarks.support.synthetic_batches import CATEGORIES, USERS
from interestflow.models.inputs import CategoricalInput, ModelInputs


def synthetic_inputs(items: int, history: int = 50, users: bool = True, negatives: bool = False) -> ModelInputs:
    """Return the inputs of batches that `make_batches` returns.

    Args:
        items: Number of items.
        history: Behaviours of each example.
        users: Whether the user is an input too.
        negatives: Whether the batches have negatives.
    """
    return ModelInputs(
        tasks=("click",),
        item_rows=items + 1,
        history_length=history,
        history_age_buckets=32,
        user_rows=USERS + 1 if users else None,
        categorical=(CategoricalInput("category", CATEGORIES + 1, "item", None, True, True),),
        history_negatives=negatives,
    )
