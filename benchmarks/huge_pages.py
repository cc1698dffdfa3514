"""Share of a large embedding table and of its optimizer's slots that lies on huge pages of memory.

    python benchmarks/huge_pages.py [--megabytes 64]

A table and its Adagrad accumulator, each of the given size, are allocated and trained for two steps. After each step
the kernel is asked how much of the process lies on huge pages. The bar: at least 0.9 of both. It depends on the huge
pages that the kernel has free, which a busy machine may not have; a system without huge pages is an error. The exit
code is 0 if the bar is met, otherwise 1.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

BAR = 0.9
"""Smallest share on huge pages: the pages at either end of a tensor may hold something else too."""
WIDTH = 16
ENABLED = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def huge_page_kilobytes() -> int:
    """Return how many KB of this process lie on huge pages."""
    match = re.search(r"AnonHugePages:\s+(\d+) kB", Path("/proc/self/smaps_rollup").read_text())
    if match is None:
        raise RuntimeError("/proc/self/smaps_rollup should state `AnonHugePages`, received a file without it")
    return int(match[1])


def measure(megabytes: int) -> list[float]:
    """Return the share of table and accumulator on huge pages before the first step and after each of two steps."""
    import tensorflow as tf

    from interestflow.models.layers.embedding.embedding_table import EmbeddingTable
    from interestflow.models.optimizers.row_sparse import SparseAdagrad

    rows = megabytes * 2**20 // (4 * WIDTH)
    before = huge_page_kilobytes()
    layer, optimizer = EmbeddingTable(rows, WIDTH), SparseAdagrad(0.1)
    layer.build()
    optimizer.build(layer.trainable_variables)

    @tf.function
    def step() -> None:
        gradient = tf.IndexedSlices(tf.ones((1, WIDTH)), tf.constant([7]), tf.constant([rows, WIDTH]))
        optimizer.apply([gradient], layer.trainable_variables)

    def share() -> float:
        return (huge_page_kilobytes() - before) / (2 * megabytes * 1024)

    shares = [share()]
    for _ in range(2):
        step()
        shares.append(share())
    return shares


def main() -> int:
    """Print the shares and the bar, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=64, help="Size of the table, at least 32 MB.")
    arguments = parser.parse_args()
    if not ENABLED.exists() or "[never]" in ENABLED.read_text():
        print("This system offers no huge pages.", file=sys.stderr)
        return 1
    shares = measure(arguments.megabytes)
    for moment, share in zip(("as allocated", "after 1 step", "after 2 steps"), shares, strict=True):
        print(f"{moment:>14}  share on huge pages {share:.2f}  (bar: at least {BAR})")
    return int(min(shares) < BAR)


if __name__ == "__main__":
    sys.exit(main())
