"""`interestflow generate-logs` writes a log and says what the best possible metrics are."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from typer.testing import CliRunner

from interestflow.pipeline.cli.main import app
from interestflow.transforms.generator.best_possible import best_possible

SIZES = ["--events", "500", "--users", "20", "--items", "30", "--categories", "5", "--days", "3", "--format", "csv"]


def test_a_log_is_written_and_described(tmp_path: Path) -> None:
    written = CliRunner().invoke(app, ["generate-logs", str(tmp_path), *SIZES])
    assert written.exit_code == 0, written.output
    counts = {name: pl.read_csv(tmp_path / f"{name}.csv").height for name in ("events", "users", "items")}
    assert counts == {"events": 500, "users": 20, "items": 30}
    best = best_possible(pl.read_csv(tmp_path / "events.csv")["true_probability"].to_numpy())
    assert f"best possible AUC {best.auc:.4f}, log loss {best.log_loss:.4f}" in written.output


def test_a_size_that_is_no_size_is_named_by_its_option(tmp_path: Path) -> None:
    failed = CliRunner().invoke(app, ["generate-logs", str(tmp_path), "--events", "0"])
    assert failed.exit_code == 1
    assert "error: --events: " in failed.output


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    failed = CliRunner().invoke(app, ["generate-logs", str(tmp_path / "file"), *SIZES])
    assert failed.exit_code == 1
    assert f"{tmp_path}/file cannot be written to" in failed.output.replace("\n", "")
