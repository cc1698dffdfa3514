"""Serving measured; `benchmarks/serving_measures.py` says what and how.

python benchmarks/serving.py configs/demo.yaml --runs-folder RUNS
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # Python looks beside a program first, where `serving` would be this file and not the package.
    sys.path[0] = str(Path(__file__).parents[1])
    from benchmarks.serving_measures import main

    sys.exit(main())
