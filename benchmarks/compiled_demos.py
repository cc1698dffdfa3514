"""Both demos run on this machine and as compiled specifications, whose metrics should have the same digits.

    python benchmarks/compiled_demos.py

For the ranker and the matcher, in turn: `interestflow run` of the demo; `interestflow compile` of the same demo for
Kubeflow, with its volumes in a local folder; `interestflow run-compiled`, which executes every step in a private folder
that is wiped afterwards; and `run-compiled` again, which should take everything but the two finders from the cache.

Bars: every metric of the test split, by task and by slice, of model and baseline, equal to the last digit; all steps
but `InputFinder` and `ChampionFinder` served from the cache the second time. Exit code 1 where one is missed.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[1]
DEMOS = {"demo": "demo-kubeflow", "demo-matcher": "matcher-kubeflow"}
"""Configuration of a run on this machine, and the one of the same demo for Kubeflow."""
EVALUATORS = ("Evaluator", "BaselineEvaluator")
FINDERS = {"InputFinder", "ChampionFinder"}
ROOT, IMAGE = "s3://pipelines/interestflow", "interestflow:local"
"""What the specification is compiled for; processes need neither."""


def run_command(*arguments: str) -> tuple[str, float]:
    """Run `interestflow` and return what it printed and its seconds.

    Raises:
        SystemExit: if it fails.
    """
    start = time.monotonic()
    command = [sys.executable, "-m", "interestflow", *arguments]
    completed = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if completed.returncode:
        sys.exit(f"{completed.stdout}\ninterestflow {' '.join(arguments)} ended with {completed.returncode}")
    return completed.stdout, time.monotonic() - start


def write_local_configuration(name: str, folder: Path) -> tuple[Path, Path]:
    """Write the configuration for Kubeflow with its volumes below `folder`; return it and the folder of its data."""
    text = (PROJECT / "configs" / f"{name}.yaml").read_text()
    for mount in ("/data", "/models"):
        text = re.sub(rf"(?<![\w.]){mount}\b", f"{folder}{mount}", text)
        (folder / mount.strip("/")).mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path, Path(yaml.safe_load(text)["data"]["folder"])


def read_metrics(files: Sequence[Path]) -> dict[str, Any]:
    """Return the metrics of the newest evaluation among some files, by task."""
    newest = max(files, key=lambda file: file.stat().st_mtime)
    tasks: dict[str, Any] = json.loads(newest.read_text())["model"]["tasks"]
    return tasks


def flat(document: Any, path: str = "") -> dict[str, Any]:
    """Return every value of a nested document by the path of its keys."""
    if isinstance(document, dict):
        return {key: value for name, part in document.items() for key, value in flat(part, f"{path}.{name}").items()}
    if isinstance(document, list):
        return {key: value for name, part in enumerate(document) for key, value in flat(part, f"{path}.{name}").items()}
    return {path.strip("."): document}


def compare(step: str, local: dict[str, Any], compiled: dict[str, Any]) -> bool:
    """Print how many metrics of a step are equal, and those that differ; return whether all are."""
    first, second = flat(local), flat(compiled)
    different = sorted(key for key in first.keys() | second.keys() if first.get(key) != second.get(key))
    print(f"{step:<20} {len(first) - len(different)} of {len(first)} values equal (bar: all)")
    for key in different[:10]:
        print(f"    {key}: {first.get(key)} here, {second.get(key)} compiled")
    return not different


def check_demo(local_name: str, compiled_name: str, folder: Path) -> bool:
    """Run one demo both ways, print the figures, and return whether they reach their bars."""
    configuration, data = write_local_configuration(compiled_name, folder)
    runs, state, specification = (
        folder / "runs",
        folder / "state" / compiled_name,
        folder / f"{compiled_name}-spec.yaml",
    )
    _, seconds = run_command(
        "run", str(PROJECT / "configs" / f"{local_name}.yaml"), "--data-folder", str(data), "--runs-folder", str(runs)
    )
    print(f"{local_name}: run on this machine in {seconds:.0f} s")
    run_command("compile", str(configuration), "-o", str(specification), "--pipeline-root", ROOT, "--image", IMAGE)
    compiled = ("run-compiled", str(specification), "--state", str(state))
    _, seconds = run_command(*compiled)
    print(f"{local_name}: compiled specification executed in {seconds:.0f} s")
    name = yaml.safe_load(configuration.read_text())["name"]
    passes = True
    for step in EVALUATORS:
        local_files = list((runs / local_name).glob(f"artifacts/{step}/evaluation/*/evaluation.json"))
        compiled_files = list(state.glob(f"objects/**/{name}/*/{step}/*/evaluation/evaluation.json"))
        passes &= compare(step, read_metrics(local_files), read_metrics(compiled_files))
    output, seconds = run_command(*compiled)
    executed = set(re.findall(r"^\W*(\w+)\s+done", output, flags=re.MULTILINE))
    print(f"second run           {seconds:.0f} s, not from the cache: {', '.join(sorted(executed))} (bar: the finders)")
    return passes and executed == FINDERS


def main() -> int:
    """Run both demos and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/compiled-demos"), help="Folder of everything written."
    )
    parser.add_argument("--demos", nargs="+", choices=DEMOS, default=list(DEMOS), help="Demos to run.")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    results = [check_demo(name, DEMOS[name], folder) for name in arguments.demos]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
