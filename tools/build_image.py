"""Build the container image with docker or podman: `python -m tools.build_image cpu`, or `gpu`."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINES = ("docker", "podman")


class ImageError(Exception):
    """An image that cannot be built or does not do what it should; the message says what is wrong."""


def succeeds(*command: str) -> bool:
    """Return whether a command ends with exit code 0 within a minute."""
    try:
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def find_engine() -> str | None:
    """Return the first container engine that is installed and whose service answers; None if there is none."""
    return next((name for name in ENGINES if shutil.which(name) and succeeds(name, "info")), None)


def output(*command: str) -> str:
    """Run a command and return its standard output without the last line break.

    Raises:
        ImageError: the command failed; the message has its last line.
    """
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if finished.returncode:
        reason = ((finished.stderr or finished.stdout).strip().splitlines() or ["no reason given"])[-1]
        raise ImageError(f"`{' '.join(command)[:200]}` ended with exit code {finished.returncode}: {reason}")
    return finished.stdout.rstrip("\n")


def image_size(engine: str, tag: str) -> int:
    """Return the size of an image, in bytes."""
    return int(output(engine, "image", "inspect", "--format", "{{.Size}}", tag))


def build_command(engine: str, variant: str, tag: str) -> list[str]:
    """Return the command that builds the image.

    The build needs the network. A docker daemon without a bridge gives it none but the host's.
    """
    command = [engine, "build", f"--build-arg=VARIANT={variant}", f"--tag={tag}"]
    if engine == "docker" and not succeeds("docker", "network", "inspect", "bridge"):
        command.append("--network=host")
    if (ROOT / ".git").exists():
        command.append(f"--build-arg=REVISION={output('git', 'rev-parse', 'HEAD')}")
    if base := os.environ.get("BASE"):
        command.append(f"--build-arg=BASE={base}")
    return [*command, str(ROOT)]


def build_image(engine: str, variant: str, tag: str) -> int:
    """Build the image, print what it took, and return its size in bytes.

    Raises:
        ImageError: the build failed; its own output has the reason.
    """
    environment = dict(os.environ)
    if engine == "docker" and not succeeds("docker", "buildx", "version"):
        environment.setdefault("DOCKER_BUILDKIT", "0")
    began = time.monotonic()
    finished = subprocess.run(build_command(engine, variant, tag), env=environment)
    if finished.returncode:
        raise ImageError(f"{engine} could not build the image; the reason is above")
    size = image_size(engine, tag)
    print(f"{tag}: {size / 1e9:.2f} GB, built by {engine} in {time.monotonic() - began:.0f} s", flush=True)
    return size


def main() -> None:
    """Run the tool from the command line."""
    parser = argparse.ArgumentParser(description="Build the container image with docker or podman.")
    parser.add_argument("variant", choices=("cpu", "gpu"))
    parser.add_argument("--tag", help="Name of the image; interestflow:VARIANT by default.")
    options = parser.parse_args()
    try:
        engine = find_engine()
        if engine is None:
            raise ImageError(f"a container engine is needed and none answers: {' or '.join(ENGINES)}")
        build_image(engine, options.variant, options.tag or f"interestflow:{options.variant}")
    except ImageError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
