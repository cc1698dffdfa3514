"""Training on two replicas equals training on one with the same global batch, batch statistics included."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from interestflow.models.replicas import gather_over_replicas, sum_over_replicas
from tests.models.support.two_replicas import run_program


def test_two_replicas_end_as_one(tmp_path: Path) -> None:
    """DIN with Dice, batch normalisation, both penalties, a masked task, lists and clipped gradients; a bare table."""
    arrays = run_program("replicas_program", tmp_path)
    names = [name.removeprefix("1 ") for name in arrays if name.startswith("1 ")]
    assert len(names) > 30
    for name in names:
        # Sums are in another order, and six steps that divide by small numbers amplify the differences.
        np.testing.assert_allclose(arrays[f"2 {name}"], arrays[f"1 {name}"], rtol=1e-3, atol=2e-5, err_msg=name)


def test_alone_there_is_nothing_to_do() -> None:
    value = np.array([1.0, 2.0])
    assert sum_over_replicas(value) is value
    assert gather_over_replicas(value) is value
