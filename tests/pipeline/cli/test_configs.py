"""`interestflow configs` lists what the package ships, and copies it."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from interestflow.pipeline.cli.configs import shipped_configs, summary
from interestflow.pipeline.cli.main import app
from tests.paths import PROJECT


def test_every_configuration_of_the_project_is_shipped_and_listed_with_one_line() -> None:
    expected = sorted(path.stem for path in (PROJECT / "configs").glob("*.yaml"))
    assert list(shipped_configs()) == expected
    listed = CliRunner().invoke(app, ["configs"])
    assert listed.exit_code == 0
    assert [line.split()[0] for line in listed.output.splitlines()] == expected
    assert all(len(line.split()) > 3 for line in listed.output.splitlines())


def test_the_summary_is_the_first_sentence_of_the_comment() -> None:
    assert summary("# Which film is next? Files:\n# elsewhere.\nname: x\n# Not this.") == "Which film is next?"
    assert summary("# A log of 1.5 million\n# events. More.\n") == "A log of 1.5 million events."
    assert summary("# No full stop\nname: x") == "No full stop"
    assert summary("name: x\n# Not this.") == ""


def test_a_configuration_is_copied_and_not_overwritten(tmp_path: Path) -> None:
    copied = CliRunner().invoke(app, ["configs", "copy", "demo", str(tmp_path / "mine")])
    path = tmp_path / "mine" / "demo.yaml"
    assert (copied.exit_code, copied.output) == (0, f"wrote {path}\n")
    assert path.read_text() == (PROJECT / "configs" / "demo.yaml").read_text()
    path.write_text("name: mine")
    again = CliRunner().invoke(app, ["configs", "copy", "demo", str(tmp_path / "mine")])
    assert again.exit_code == 1
    assert "exists already" in again.output
    assert path.read_text() == "name: mine"


def test_an_unknown_name_is_answered_with_those_that_there_are(tmp_path: Path) -> None:
    failed = CliRunner().invoke(app, ["configs", "copy", "demos", str(tmp_path)])
    assert failed.exit_code == 1
    assert "`NAME` should be one of" in failed.output
    assert "received 'demos'" in failed.output.replace("\n", " ")
    assert list(tmp_path.iterdir()) == []
