"""What the `ModelSpec` of DIN needs, depending on its hyper-parameters."""

from __future__ import annotations

from interestflow.models.rankers.din_spec import DINHyperparameters


def test_item_counts_are_needed_by_the_mini_batch_aware_penalty_alone() -> None:
    assert DINHyperparameters().item_counts_key is None
    assert DINHyperparameters(mini_batch_aware_l2=0.1).item_counts_key == "mini_batch_aware_l2"
