"""`interestflow` as a person calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

INTERESTFLOW = str(Path(sys.executable).with_name("interestflow"))


def run(config: Path, runs: Path) -> subprocess.CompletedProcess[str]:
    """`interestflow run`, on a terminal as wide as its tables."""
    return subprocess.run(
        [INTERESTFLOW, "run", str(config), "--runs-folder", str(runs)],
        capture_output=True, text=True, timeout=900, env=os.environ | {"COLUMNS": "160"},
    )  # fmt: skip
