"""What our models are told of the batches of `benchmarks/support/synthetic_batches.py`."""

from __future__ import annotations

from benchmarks.support.synthetic_batches import CATEGORIES, USERS
from interestflow.models.inputs import CategoricalInput, ModelInputs


def synthetic_inputs(items: int, history: int = 50, users: bool = True, negatives: bool = False) -> ModelInputs:
    """`items`, `history` and `negatives` as of `make_batches`; `users`: whether the user is an input too."""
    return ModelInputs(
        tasks=("click",),
        item_rows=items + 1,
        history_length=history,
        history_age_buckets=32,
        user_rows=USERS + 1 if users else None,
        categorical=(CategoricalInput("category", CATEGORIES + 1, "item", None, True, True),),
        history_negatives=negatives,
    )
