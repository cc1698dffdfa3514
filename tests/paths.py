"""Paths of the clone, for tests that start a process of their own."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
"""Root of the clone."""
PYTHON_PATH = os.pathsep.join([str(PROJECT), str(PROJECT / "src")])
"""`PYTHONPATH` of a process that imports `interestflow` and `tests` from this clone."""
