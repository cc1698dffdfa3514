"""A matcher's loss on two replicas is that of one with the same global batch: each sees the other's items."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.support.two_replicas import run_program


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    return run_program("matcher_replicas_program", tmp_path_factory.mktemp("replicas"))


@pytest.mark.parametrize("case", ["in_batch", "soft", "sampled", "bpr"])
def test_two_replicas_are_as_one(arrays: dict[str, np.ndarray], case: str) -> None:
    """The loss and every gradient, under weights, with penalties, hard negatives and popularity corrected."""
    names = [name.removeprefix("1 ") for name in arrays if name.startswith(f"1 {case} ")]
    assert len(names) > 2
    for name in names:
        np.testing.assert_allclose(arrays[f"2 {name}"], arrays[f"1 {name}"], rtol=1e-3, atol=1e-6, err_msg=name)
    assert any(np.any(arrays[f"1 {name}"]) for name in names)
