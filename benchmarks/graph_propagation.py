"""Benchmark of graph propagation: time and memory of a step of KGAT by the number of edges.

    python benchmarks/graph_propagation.py [--edges 20000 200000 2000000]

Random graphs with ten edges for each node. Each size runs in a process of its own: a training step of 1,024 positives,
forward and backward through the whole graph, and the refresh of attention and served vectors; the best of five, in CPU
seconds, which other load on the machine affects least. The bar: from the second size to the last, time and memory grow
by at most 1.3 times what the edges do. The smallest size fits into a processor's cache.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file

from benchmarks.support.resident_memory import peak_megabytes

SIZES = (20_000, 200_000, 2_000_000)
EDGES_PER_NODE, BATCH, TIMES = 10, 1024, 5
BAR = 1.3
"""Largest growth of a cost relative to the growth of the edges."""


def best_seconds(run: Callable[[], Any]) -> float:
    """Return the smallest CPU time of several calls, after one that is not timed."""
    run()
    seconds = []
    for _ in range(TIMES):
        began = time.process_time()
        run()
        seconds.append(time.process_time() - began)
    return min(seconds)


def measure(edges: int) -> dict[str, float]:
    """Return the costs of one size, measured in this process."""
    import keras
    import numpy as np
    import tensorflow as tf

    from interestflow.models.graphs.collaborative_graph import CollaborativeGraph, KnowledgeGraph
    from interestflow.models.inputs import ModelInputs
    from interestflow.models.matchers.kgat import KGAT
    from interestflow.models.matchers.kgat_spec import KGATHyperparameters

    random = np.random.default_rng(0)
    # Half of the edges are interactions, half triples, each with its inverse.
    users = items = entities = max(edges // EDGES_PER_NODE // 3, 100)
    heads, tails = random.integers(0, entities, (2, edges // 4))
    kinds = random.integers(0, 10, edges // 4)
    knowledge = KnowledgeGraph(
        np.concatenate([heads, tails]), np.concatenate([kinds, kinds + 10]), np.concatenate([tails, heads]),
        entities, 20, np.where(np.arange(items) % 2, np.arange(items), -1),
    )  # fmt: skip
    interacting, interacted = random.integers(1, users, edges // 4), random.integers(1, items, edges // 4)
    graph = CollaborativeGraph.from_interactions(users, interacting, interacted, knowledge)
    before = peak_megabytes()
    inputs = ModelInputs(("click",), items, history_length=4, history_age_buckets=4, user_rows=users)
    model = KGAT(inputs, KGATHyperparameters(), graph=graph)
    model.build()
    optimizer = keras.optimizers.Adam(0.001)
    weights = model.trainable_variables
    optimizer.build(weights)

    @tf.function(autograph=False)
    def step(batch: dict[str, Any]) -> Any:
        with tf.GradientTape() as tape:
            loss = model.training_loss(batch)
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        return loss

    batch = {"user": tf.constant(interacting[:BATCH]), "item": tf.constant(interacted[:BATCH])}
    return {
        "edges": len(graph.heads),
        "step": best_seconds(lambda: float(step(batch))),
        "refresh": best_seconds(model.refresh),
        "megabytes": peak_megabytes() - before,
    }


def main() -> int:
    """Run the benchmark and return 0 if its bars are reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, nargs="+", default=list(SIZES), help="Edges of each graph.")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one)))
        return 0
    results: list[dict[str, float]] = []
    print(f"{'edges':>10} {'step, s':>9} {'refresh, s':>11} {'memory, MB':>11} {'growth beside that of edges':>30}")
    for edges in arguments.edges:
        command = [sys.executable, __file__, "--one", str(edges)]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        results.append(json.loads(answer.splitlines()[-1]))
        growth = relative_growth(results)
        shown = "  ".join(f"{name} {value:.2f}" for name, value in growth.items())
        last = results[-1]
        print(
            f"{last['edges']:>10,.0f} {last['step']:>9.3f} {last['refresh']:>11.3f} {last['megabytes']:>11.0f} "
            f"{shown:>30}  (bar {BAR})"
        )
    return int(any(value > BAR for value in relative_growth(results).values()))


def relative_growth(results: list[dict[str, float]]) -> dict[str, float]:
    """Return for each cost its growth from the last size but one to the last, divided by the growth of the edges."""
    if len(results) < 2:
        return {}
    before, last = results[-2:]
    edges = last["edges"] / before["edges"]
    return {name: last[name] / before[name] / edges for name in ("step", "refresh", "megabytes")}


if __name__ == "__main__":
    sys.exit(main())
