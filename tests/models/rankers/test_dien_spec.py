"""What the `ModelSpec` of DIEN needs, depending on its hyper-parameters."""

from __future__ import annotations

from interestflow.models.rankers.dien_spec import DIENHyperparameters


def test_history_negatives_are_for_the_auxiliary_loss_alone() -> None:
    assert DIENHyperparameters().uses_history_negatives
    assert not DIENHyperparameters(auxiliary_weight=0.0).uses_history_negatives
