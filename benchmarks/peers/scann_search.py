"""Search with ScaNN among the vectors of our exact search, in the third environment of `setup.sh`.

    scann_search.py FOLDER COUNT

FOLDER has `vectors.npy` [items, d] and `users.npy` [requests, K, d]. Each request searches the `COUNT` best of all
interests at once and keeps the best of all. The index follows ScaNN's guide: about `sqrt(items)` leaves, of which a
twentieth is searched, anisotropic hashing of two dimensions at a time, and exact rescoring of the best 200. Prints one
line of JSON: p50 and p99 in ms, the share of the exact `COUNT` best that was retrieved, the index in MB and the seconds
to build it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from scann.scann_ops.py import scann_ops_pybind

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from resident_memory import resident_megabytes

TRAINING, REORDERED = 100_000, 200


def best_of(ids: np.ndarray, scores: np.ndarray, count: int) -> np.ndarray:
    """Return the ids of the `count` highest scores, each id once."""
    order = np.argsort(-scores.ravel())
    _, first = np.unique(ids.ravel()[order], return_index=True)
    return ids.ravel()[order][np.sort(first)][:count]


def main() -> None:
    """Build the index, search it and print the figures."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    vectors, users = np.load(folder / "vectors.npy"), np.load(folder / "users.npy")
    leaves = round(len(vectors) ** 0.5)
    before = resident_megabytes()
    began = time.perf_counter()
    searcher = (
        scann_ops_pybind.builder(vectors, count, "dot_product")
        .tree(
            num_leaves=leaves,
            num_leaves_to_search=max(leaves // 20, 1),
            training_sample_size=min(len(vectors), TRAINING),
        )
        .score_ah(2, anisotropic_quantization_threshold=0.2)
        .reorder(REORDERED)
        .build()
    )
    build_seconds = time.perf_counter() - began
    megabytes = resident_megabytes() - before
    results, times = [], []
    for user in users:
        began = time.perf_counter()
        ids, scores = searcher.search_batched(user, final_num_neighbors=count)
        results.append(best_of(ids, scores, count))
        times.append((time.perf_counter() - began) * 1e3)
    recalls = []
    for user, ids in zip(users, results, strict=True):
        exact = np.argsort(-np.max(vectors @ user.T, axis=1))[:count]
        recalls.append(len(np.intersect1d(exact, ids)) / count)
    p50, p99 = (float(np.percentile(times, share)) for share in (50, 99))
    print(
        json.dumps(
            {
                "p50": p50,
                "p99": p99,
                "recall": float(np.mean(recalls)),
                "megabytes": megabytes,
                "seconds": build_seconds,
            }
        )
    )


if __name__ == "__main__":
    main()
