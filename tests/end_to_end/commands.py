"""Helpers that call the `interestflow` command in a process or in this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

INTERESTFLOW = str(Path(sys.executable).with_name("interestflow"))


def run(config: Path, runs: Path) -> subprocess.CompletedProcess[str]:
    """Run `interestflow run` as a process, on a terminal as wide as its tables."""
    return subprocess.run(
        [INTERESTFLOW, "run", str(config), "--runs-folder", str(runs)],
        capture_output=True, text=True, timeout=900, env=os.environ | {"COLUMNS": "160"},
    )  # fmt: skip


def run_here(config: Path, runs: Path, capture: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run `interestflow run` in this process, which has imported TFX already; return its exit code and output."""
    from interestflow.pipeline.cli.main import app

    code = CliRunner().invoke(app, ["run", str(config), "--runs-folder", str(runs)]).exit_code
    printed = capture.readouterr()
    return code, printed.out + printed.err
