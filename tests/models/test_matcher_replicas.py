"""A matcher's loss on two replicas is that of one with the same global batch: each sees the other's items."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    path = tmp_path_factory.mktemp("replicas") / "gradients.npz"
    python_path = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    environment = {**os.environ, "PYTHONPATH": python_path, "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, str(HERE / "matcher_replicas_program.py"), str(path)]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stderr[-3000:]
    with np.load(path) as found:
        return dict(found)


@pytest.mark.parametrize("case", ["in_batch", "soft", "sampled", "bpr"])
def test_two_replicas_are_as_one(arrays: dict[str, np.ndarray], case: str) -> None:
    """The loss and every gradient, under weights, with penalties, hard negatives and popularity corrected."""
    names = [name.removeprefix("1 ") for name in arrays if name.startswith(f"1 {case} ")]
    assert len(names) > 2
    for name in names:
        np.testing.assert_allclose(arrays[f"2 {name}"], arrays[f"1 {name}"], rtol=1e-3, atol=1e-6, err_msg=name)
    assert any(np.any(arrays[f"1 {name}"]) for name in names)
