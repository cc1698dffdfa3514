"""The client needs nothing of TensorFlow: it ranks in a process that cannot import it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from interestflow.serving.client import Client
from tests.paths import PYTHON_PATH
from tests.serving.client.described_models import NAME, DescribedRanker, serve
from tests.serving.client.without_tensorflow import FORBIDDEN

USER = {"device": "tv", "hour": 3.0, "history_item": ["i1", "i2"], "history_age": [20, 10]}
CANDIDATES = [{"item": "a", "price": 1.0, "tags": ["x"]}, "b"]


def test_a_process_without_tensorflow_ranks(tmp_path: Path) -> None:
    DescribedRanker().write(tmp_path)
    with serve(tmp_path) as address:
        command = [sys.executable, "-m", "tests.serving.client.without_tensorflow", address, NAME, json.dumps(USER)]
        completed = subprocess.run(
            [*command, json.dumps(CANDIDATES)],
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ | {"PYTHONPATH": PYTHON_PATH},
        )
        assert completed.returncode == 0, completed.stderr
        assert completed.stderr == ""
        printed = json.loads(completed.stdout)
        with Client(address, NAME) as client:
            expected = client.rank(USER, CANDIDATES)
    np.testing.assert_array_equal(printed["answer"]["click"], expected.by_task["click"])
    assert not FORBIDDEN & set(printed["packages"])
    assert {"grpc", "google", "numpy", "interestflow"} <= set(printed["packages"])
    assert printed["modules"] < 600  # of which most are the standard library's and NumPy's
