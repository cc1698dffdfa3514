"""A mistake in a configuration is reported before any slow import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import PROJECT

SLOW = "{'tensorflow', 'keras', 'tfx', 'apache_beam', 'polars', 'pyarrow', 'kfp', 'numpy'}"
PROGRAM = f"""
import sys
from interestflow.pipeline.cli.entry_point import main
try:
    main()
except SystemExit as ended:
    code = ended.code
print(code, sorted({SLOW} & sys.modules.keys()))
"""


def ended(*arguments: str) -> tuple[str, str]:
    """Run the command line in a fresh process; return what it wrote to stdout and to stderr."""
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True, timeout=120
    )
    return finished.stdout, finished.stderr


@pytest.mark.parametrize(
    "command", [("validate",), ("run",), ("evaluate",), ("compile", "--output", "x.yaml"), ("submit",)]
)
def test_a_typo_is_told_without_slow_imports_or_banners(command: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "typo.yaml"
    path.write_text((PROJECT / "configs" / "demo.yaml").read_text().replace("  epochs: 4", "  epoch: 4"))
    name, *options = command
    stdout, stderr = ended(name, str(path), *options)
    assert stdout == "1 []\n"
    assert stderr.splitlines() == [
        f"error: `training.epoch` is not a key that is known here; did you mean `epochs`? ({path}, line 40)"
    ]


def test_help_without_slow_imports() -> None:
    stdout, stderr = ended("--help")
    assert stdout.endswith("0 []\n")
    assert stderr == ""
