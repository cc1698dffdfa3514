"""Build the container image and run the whole demo in it: `python -m tools.check_image`.

The container runs as a user without privileges or network, on a read-only file system. The metrics that it reports must
equal, in every digit, those of the same run outside a container. Without a container engine the check is left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.build_image import ENGINES, ROOT, ImageError, build_image, find_engine, output

TAG = "interestflow:check"
VOLUME = "interestflow-check"
HOME = "/home/interestflow"
CONFIG = "configs/demo.yaml"
LARGEST_BYTES = 2_900_000_000
HARDENED = ("--network=none", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only", "--tmpfs=/tmp")
"""Options of a container that may do no more than a step needs."""
BUILD_TOOLS = ("cc", "gcc", "g++", "make", "pip", "uv")


def run_command(engine: str, *arguments: str, entry_point: str | None = None) -> list[str]:
    """Return the command that runs `arguments` in a hardened container whose runs are in the check's volume."""
    options = [*HARDENED, f"--volume={VOLUME}:{HOME}/runs"]
    if entry_point:
        options.append(f"--entrypoint={entry_point}")
    return [engine, "run", "--rm", *options, TAG, *arguments]


def check_size(size: int) -> None:
    """Check that the image is not larger than it may be.

    Raises:
        ImageError: it is.
    """
    if size > LARGEST_BYTES:
        raise ImageError(f"the image should have at most {LARGEST_BYTES / 1e9:.1f} GB, has {size / 1e9:.2f} GB")


def check_contents(engine: str) -> None:
    """Check the user of the image, and that it has no build tools.

    Raises:
        ImageError: it runs as root, or has one.
    """
    user = output(*run_command(engine, "-u", entry_point="id"))
    if user != "1000":
        raise ImageError(f"the image should run as user 1000, runs as {user}")
    look = f"for tool in {' '.join(BUILD_TOOLS)}; do command -v $tool; done; true"
    if tools := output(*run_command(engine, "-c", look, entry_point="sh")):
        raise ImageError(f"the image should have no build tools, has {', '.join(tools.splitlines())}")


def run_demo(engine: str) -> dict[str, Any]:
    """Run the demo in a hardened container, print what it took, and return its report.

    Raises:
        ImageError: the run failed, or its model was refused; its own output has the reason.
    """
    began = time.monotonic()
    finished = subprocess.run(run_command(engine, "run", CONFIG))
    if finished.returncode:
        raise ImageError(f"the demo should end with exit code 0 in the container, ended with {finished.returncode}")
    print(f"the demo took {time.monotonic() - began:.0f} s in the container, its start included", flush=True)
    report: dict[str, Any] = json.loads(
        output(*run_command(engine, f"{HOME}/runs/demo/report.json", entry_point="cat"))
    )
    return report


def run_demo_here() -> dict[str, Any]:
    """Run the demo outside a container, where unchanged steps come from the cache, and return its report."""
    output(str(Path(sys.executable).with_name("interestflow")), "run", CONFIG)
    report: dict[str, Any] = json.loads((ROOT / "runs" / "demo" / "report.json").read_text())
    return report


def check_metrics(container: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Check that two reports have the same metrics, in every digit.

    Raises:
        ImageError: they do not.
    """
    different = [
        f"{model} {metric} {container['metrics'].get(model, {}).get(metric)} instead of {value}"
        for model, metrics in here["metrics"].items()
        for metric, value in metrics.items()
        if container["metrics"].get(model, {}).get(metric) != value
    ]
    if different:
        raise ImageError(f"the metrics in the container should equal those outside, are {'; '.join(different)}")
    print(f"metrics of {', '.join(here['metrics'])} equal those outside the container in every digit")


def check(engine: str) -> None:
    """Build the image, run the demo in it, and compare.

    Raises:
        ImageError: something is not as it should be.
    """
    check_size(build_image(engine, "cpu", TAG))
    subprocess.run([engine, "volume", "rm", "--force", VOLUME], capture_output=True)
    try:
        check_contents(engine)
        report = run_demo(engine)
    finally:
        subprocess.run([engine, "volume", "rm", "--force", VOLUME], capture_output=True)
    check_metrics(report, run_demo_here())


def main() -> None:
    """Run the check from the command line."""
    engine = find_engine()
    if engine is None:
        print(f"container image: not checked, because no container engine answers ({' or '.join(ENGINES)})")
        return
    try:
        check(engine)
    except ImageError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
