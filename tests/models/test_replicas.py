"""Two replicas end as one at the same global batch, with all that a batch's statistics and distinct ids decide."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from models.replicas import gather_over_replicas, sum_over_replicas

HERE = Path(__file__).parent


def test_two_replicas_end_as_one(tmp_path: Path) -> None:
    """DIN with Dice, batch normalisation, both penalties, a masked task, lists and clipped gradients; a bare table."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])]),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    command = [sys.executable, str(HERE / "replicas_program.py"), str(tmp_path / "weights.npz")]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stderr[-3000:]
    with np.load(tmp_path / "weights.npz") as arrays:
        names = [name.removeprefix("1 ") for name in arrays if name.startswith("1 ")]
        assert len(names) > 30
        for name in names:
            # Sums are taken in another order; six steps that divide by small numbers widen that.
            np.testing.assert_allclose(arrays[f"2 {name}"], arrays[f"1 {name}"], rtol=1e-3, atol=2e-5, err_msg=name)


def test_alone_there_is_nothing_to_do() -> None:
    value = np.array([1.0, 2.0])
    assert sum_over_replicas(value) is value
    assert gather_over_replicas(value) is value
