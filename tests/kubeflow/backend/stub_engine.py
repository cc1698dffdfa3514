"""A program that stands for docker: it records its calls and runs commands with the folders of their mounts.

    python stub_engine.py RECORD IMAGE... -- docker's arguments

Only the images that it is given exist. `INTERESTFLOW_STEP_ROOT` stands for the container's `/`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def main(record: str, images: list[str], arguments: list[str]) -> int:
    """Answer one call as docker would."""
    with Path(record).open("a") as file:
        file.write(json.dumps({"arguments": arguments, "environment": sorted(os.environ)}) + "\n")
    if arguments[0] in ("version", "rm"):
        return 0
    if arguments[:2] == ["image", "inspect"]:
        return 0 if arguments[2] in images else 1
    values: dict[str, list[str]] = {}
    position = 1
    while arguments[position].startswith("--"):
        values.setdefault(arguments[position], []).append(arguments[position + 1])
        position += 2
    mounts = [dict(part.partition("=")[::2] for part in mount.split(",")) for mount in values["--mount"]]
    (bucket,) = [mount["source"] for mount in mounts if mount["target"] == "/s3"]
    environment = {"PATH": os.environ["PATH"], "INTERESTFLOW_STEP_ROOT": str(Path(bucket).parent)}
    for variable in values.get("--env", []):
        name, separator, value = variable.partition("=")
        environment[name] = value if separator else os.environ[name]
    program = sys.executable if values["--entrypoint"] == ["python"] else values["--entrypoint"][0]
    return subprocess.run([program, *arguments[position + 1 :]], env=environment).returncode


if __name__ == "__main__":
    split = sys.argv.index("--")
    sys.exit(main(sys.argv[1], sys.argv[2:split], sys.argv[split + 1 :]))
