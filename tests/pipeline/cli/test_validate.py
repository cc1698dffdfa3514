"""`interestflow validate`: exit codes, and a typo that is reported without loading what only a real check needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from interestflow.pipeline.cli.main import app
from tests.paths import PROJECT
from tests.pipeline.validate.small_shop import CONFIG, write_shop

PROGRAM = """
import sys
from interestflow.pipeline.cli.main import app
try:
    app(["validate", sys.argv[1]])
except SystemExit as exit:
    heavy = {"numpy", "polars", "keras", "tensorflow", "tfx", "apache_beam", "grpc"}
    print(exit.code, sorted(heavy & set(sys.modules)))
"""


def test_the_command_ends_with_0_or_1_and_never_with_a_traceback(tmp_path: Path) -> None:
    runner = CliRunner()
    path = write_shop(tmp_path)
    fine = runner.invoke(app, ["validate", str(path)])
    assert fine.exit_code == 0, fine.output
    path.write_text(CONFIG.replace("name: device", "name: devise"))
    failed = runner.invoke(app, ["validate", str(path)])
    assert failed.exit_code == 1
    assert isinstance(failed.exception, SystemExit)
    assert "should have a column `devise`, received device" in failed.output.replace("\n", " ")


def test_a_typo_is_reported_without_importing_anything_heavy(tmp_path: Path) -> None:
    path = write_shop(tmp_path, config=CONFIG.replace("model:", "modle:"))
    called = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, timeout=120, cwd=PROJECT
    )
    assert called.stdout == "1 []\n", called.stdout + called.stderr
    assert "did you mean `model`?" in called.stderr.replace("\n", " ")
    assert "Traceback" not in called.stderr
