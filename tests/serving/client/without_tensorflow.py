"""Query a server from a process in which no part of TensorFlow or TFX can be imported.

    python -m tests.serving.client.without_tensorflow HOST:PORT MODEL USER CANDIDATES

USER and CANDIDATES are JSON. Prints JSON: the ranking, the number of modules and the packages among them.
"""

from __future__ import annotations

import json
import sys
from typing import Any

FORBIDDEN = {
    "apache_beam", "keras", "kfp", "ml_metadata", "pandas", "polars", "pyarrow", "pydantic", "rich", "tensorflow",
    "tensorflow_data_validation", "tensorflow_metadata", "tensorflow_model_analysis", "tensorflow_serving",
    "tensorflow_transform", "tfx", "tfx_bsl", "typer",
}  # fmt: skip


class Forbid:
    """Finds no module, and refuses those of `FORBIDDEN`."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name.partition(".")[0] in FORBIDDEN:
            raise ImportError(f"{name} should not be needed")


def main(address: str, model: str, user: str, candidates: str) -> None:
    sys.meta_path.insert(0, Forbid())  # type: ignore[arg-type]
    from interestflow.serving.client import Client

    with Client(address, model, timeout=60) as client:
        ranking = client.rank(json.loads(user), json.loads(candidates))
    packages = {name.partition(".")[0] for name in sys.modules}
    answer = {task: scores.tolist() for task, scores in ranking.by_task.items()}
    print(json.dumps({"answer": answer, "modules": len(sys.modules), "packages": sorted(packages)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
