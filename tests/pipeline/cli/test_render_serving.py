"""`interestflow render-serving` prints the files it wrote, or one sentence why it wrote none."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from interestflow.pipeline.cli.main import app

CONFIG = """
name: shop
data: {events: {path: events.csv, format: csv, user: user, item: item, timestamp: time}}
tasks: [{name: click, label: {column: click}}]
sequence: {behaviours: {column: click}}
model: {name: pooled}
"""


def test_without_a_pushed_model_the_options_that_help_are_named(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(CONFIG)
    arguments = ["render-serving", str(tmp_path / "shop.yaml"), "-o", str(tmp_path / "out")]
    failed = CliRunner().invoke(app, [*arguments, "--runs-folder", str(tmp_path / "runs")])
    assert failed.exit_code == 1
    assert "(--models names another folder, --unchecked reads none)" in failed.output.replace("\n", " ")
    assert not (tmp_path / "out").exists()


def test_every_file_that_was_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(CONFIG)
    arguments = ["render-serving", str(tmp_path / "shop.yaml"), "-o", str(tmp_path / "out"), "--unchecked"]
    written = CliRunner().invoke(app, [*arguments, "--models", str(tmp_path / "models")])
    assert written.exit_code == 0, written.output
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            assert f"wrote {path}" in written.output
