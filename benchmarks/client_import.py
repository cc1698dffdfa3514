"""Benchmark of the client's cost for an application: CPU seconds and modules of a process that ranks once.

    python benchmarks/client_import.py runs/demo/serving/demo

Serves the newest version below the folder on loopback. Five new processes, one after another, import the client,
connect, ask for the model's inputs, and rank ten candidates.

Bar: the median of their CPU seconds, start of the interpreter
included, is at most 1.0. Before the client had messages of its own, it was 8.5 s and 4,474 modules.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODEL = "model"
BAR_SECONDS = 1.0
SECONDS_BEFORE, MODULES_BEFORE = 8.5, 4474
PROCESSES = 5
PROGRAM = """
import json, sys, time
from interestflow.serving.client import Client
with Client(sys.argv[1], sys.argv[2], timeout=60) as client:
    ranking = client.rank({}, [f"i{number}" for number in range(10)])
print(json.dumps([time.process_time(), len(sys.modules), len(ranking.best())]))
"""


def measure(address: str) -> tuple[float, int]:
    """Return the CPU seconds and the number of modules of one new process that ranks once."""
    command = [sys.executable, "-c", PROGRAM, address, MODEL]
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if completed.returncode:
        sys.exit(f"error: {(completed.stderr.strip() or 'the process ended').splitlines()[-1]}")
    seconds, modules, ranked = json.loads(completed.stdout)
    if ranked != 10:
        raise ValueError(f"the ranking should have 10 candidates, it has {ranked}")
    return seconds, modules


def main() -> int:
    """Run the benchmark and return 0 if its bars are reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="Folder of a ranker's versions, such as runs/demo/serving/demo.")
    arguments = parser.parse_args()

    from interestflow.serving.server.configuration import ServerOptions, one_model
    from interestflow.serving.server.server import Server

    with Server(ServerOptions(one_model(MODEL, arguments.folder))) as server:
        measured = [measure(f"127.0.0.1:{server.port}") for _ in range(PROCESSES)]
    seconds = statistics.median(seconds for seconds, _ in measured)
    modules = measured[0][1]
    print(f"CPU seconds of importing the client and one `rank`: {seconds:.2f} (before: {SECONDS_BEFORE})")
    print(f"modules: {modules:,} (before: {MODULES_BEFORE:,})")
    print(f"bar: at most {BAR_SECONDS} s; {'held' if seconds <= BAR_SECONDS else 'missed'}")
    return 0 if seconds <= BAR_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
