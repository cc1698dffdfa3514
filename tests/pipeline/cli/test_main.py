"""The command line as a whole: help texts, the version and completion, none of which loads a library."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from interestflow import __version__
from interestflow.pipeline.cli.main import app
from tests.paths import PROJECT

COMMANDS = {
    "run", "validate", "plan", "evaluate", "serve", "query", "generate-logs", "compile", "run-compiled", "submit",
    "render-serving", "render-kubeflow", "configs", "schema",
}  # fmt: skip
PROGRAM = """
import sys
from interestflow.pipeline.cli.main import app
try:
    app(sys.argv[1:], prog_name="interestflow")
except SystemExit:
    pass
heavy = {"numpy", "polars", "keras", "tensorflow", "tfx", "apache_beam", "grpc"}
print(sorted(heavy & set(sys.modules)))
"""


def call(*arguments: str, **environment: str) -> str:
    """Call the command line in a process of its own; return its output and, last, which heavy packages it imported."""
    called = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, timeout=120, cwd=PROJECT,
        env=os.environ | environment,
    )  # fmt: skip
    assert called.returncode == 0, called.stderr
    return called.stdout


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    *shown, imported = call("--help", COLUMNS="200").splitlines()
    assert imported == "[]"
    assert {line.split()[1] for line in shown if line.startswith("│ ") and "--" not in line.split()[1]} == COMMANDS


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"interestflow {__version__}\n"


def test_a_shell_completes_the_names_of_commands() -> None:
    completion = {"_INTERESTFLOW_COMPLETE": "complete_bash", "COMP_WORDS": "interestflow s", "COMP_CWORD": "1"}
    assert call(**completion).splitlines() == ["serve", "submit", "schema", "[]"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_has_a_help_text_that_begins_with_a_capital_and_ends_with_a_full_stop(name: str) -> None:
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    for node in [command, *getattr(command, "commands", {}).values()]:
        texts = [node.help.split("\n\n")[0], *(getattr(parameter, "help", None) for parameter in node.params)]
        for text in texts:
            assert text, node.name
            assert text[0].isupper(), text
            assert text.rstrip()[-1] in ".)", text
