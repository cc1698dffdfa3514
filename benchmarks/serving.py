"""Serving measured; `benchmarks/serving_measures.py` says what and how.

python benchmarks/serving.py configs/demo.yaml --runs-folder RUNS
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
# Programs in this folder find this file before the package of the same name; what they look for is in the package.
__path__ = [str(PROJECT / "serving")]

if __name__ == "__main__":
    sys.path[0] = str(PROJECT)
    # As `interestflow serve` has it: both sessions compute with the same kernels.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    from benchmarks.serving_measures import main

    sys.exit(main())
