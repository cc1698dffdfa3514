"""The page of commands, for a small application."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer

from tools.cli_reference import command_line_page, value_text

app = typer.Typer(help="Tool.")
group = typer.Typer()
app.add_typer(group, name="more")


@app.command()
def train(
    config: Annotated[Path, typer.Argument(metavar="FILE", help="Configuration.")],
    epochs: Annotated[int, typer.Option(help="Passes | over the data.")] = 5,
    output: Annotated[str | None, typer.Option("--output", "-o", help="Folder.")] = None,
    retries: Annotated[int, typer.Option(help="Attempts.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet")] = False,
    secret: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Train a model.

    More about it.
    """


@app.command("list", hidden=True)
def list_models() -> None:
    """Hidden."""


@group.command("show-all")
def show(name: str, verbose: bool = False) -> None:
    """Show a model."""


PAGE = command_line_page("tool", app)


def test_a_command_has_its_help_and_a_table() -> None:
    assert "## `tool train`\n\nTrain a model.\n\nMore about it.\n\n| Argument" in PAGE


@pytest.mark.parametrize(
    "row",
    [
        "| `FILE` | path | required | Configuration. |",
        r"| `--epochs` | integer | `5` | Passes \| over the data. |",
        "| `--output`, `-o` | text |  | Folder. |",
        "| `--retries` | integer | `0` | Attempts. |",
        "| `--quiet` | flag |  |  |",
    ],
)
def test_a_parameter_is_one_row(row: str) -> None:
    assert row in PAGE.splitlines()


def test_parameters_without_notes_follow_typer() -> None:
    assert "## `tool more show-all`\n\nShow a model." in PAGE
    assert "| `NAME` | text | required |  |" in PAGE
    assert "| `--verbose`, `--no-verbose` | flag |  |  |" in PAGE


def test_hidden_commands_and_options_are_left_out() -> None:
    assert "secret" not in PAGE
    assert "Hidden" not in PAGE


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (int, "integer"),
        (float | None, "number"),
        (list[str], "text, may be repeated"),
        (Literal["a", "b"], "`a`, `b`"),
        (bytes, "bytes"),
    ],
)
def test_types_in_words(kind: object, words: str) -> None:
    assert value_text(kind) == words
