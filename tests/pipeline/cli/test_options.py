"""Shared parts of commands: options from a data class, and configurations whose mistakes end a command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from interestflow.pipeline.cli.options import fail, load_config, with_options

DEMO = Path(__file__).parents[3] / "configs" / "demo.yaml"


@dataclass(frozen=True)
class Greeting:
    name: Annotated[str, typer.Argument(help="Name to greet.")]
    times: Annotated[int, typer.Option(min=1, help="Number of greetings.")] = 2


def command() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @with_options(Greeting)
    def greet(greeting: Greeting) -> None:
        """Greet somebody."""
        typer.echo(" ".join([greeting.name] * greeting.times))

    return app


def test_the_fields_of_a_data_class_are_arguments_and_options() -> None:
    assert CliRunner().invoke(command(), ["Ada"]).output == "Ada Ada\n"
    assert CliRunner().invoke(command(), ["Ada", "--times", "1"]).output == "Ada\n"
    assert CliRunner().invoke(command(), ["Ada", "--times", "0"]).exit_code == 2
    shown = CliRunner().invoke(command(), ["--help"]).output
    for text in ("Greet somebody.", "Name to greet.", "Number of greetings."):
        assert text in shown


def test_a_failure_is_one_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        fail("the file is [x], which is no file")
    assert ended.value.exit_code == 1
    assert capsys.readouterr() == ("", "error: the file is [x], which is no file\n")


def test_a_configuration_is_read_with_another_folder_and_seed(tmp_path: Path) -> None:
    config = load_config(DEMO, str(tmp_path), seed=5)
    assert (config.data.folder, config.training.seed) == (str(tmp_path), 5)


def test_the_mistakes_of_a_configuration_end_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "shop.yaml").write_text("[]")
    with pytest.raises(typer.Exit):
        load_config(tmp_path / "shop.yaml", None)
    assert "should hold a mapping of sections" in capsys.readouterr().err
