"""The command line: `interestflow run`, `validate`, `evaluate`, `serve`, `query` and the others that `--help` lists.

Each command imports what it needs when it is called: TFX takes ten seconds to import, and `--help` should not.
"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from interestflow import __version__
from interestflow.pipeline.cli.compile import compile_specification
from interestflow.pipeline.cli.configs import app as configs
from interestflow.pipeline.cli.evaluate import evaluate
from interestflow.pipeline.cli.generate_logs import generate_logs
from interestflow.pipeline.cli.options import with_options
from interestflow.pipeline.cli.plan import PlanOptions, plan
from interestflow.pipeline.cli.query import query
from interestflow.pipeline.cli.render_kubeflow import render_kubeflow
from interestflow.pipeline.cli.render_serving import render_serving
from interestflow.pipeline.cli.run import run
from interestflow.pipeline.cli.run_compiled import RunCompiledOptions, run_compiled
from interestflow.pipeline.cli.schema import schema
from interestflow.pipeline.cli.serve import serve
from interestflow.pipeline.cli.submit import submit
from interestflow.pipeline.cli.validate import validate

NAME = "interestflow"

app = typer.Typer(name=NAME, no_args_is_help=True, pretty_exceptions_enable=False)
app.command()(run)
app.command()(validate)
app.command()(with_options(PlanOptions)(plan))
app.command()(evaluate)
app.command()(serve)
app.command()(query)
app.command("generate-logs")(generate_logs)
app.command("compile")(compile_specification)
app.command("run-compiled")(with_options(RunCompiledOptions)(run_compiled))
app.command()(submit)
app.command("render-kubeflow")(render_kubeflow)
app.command("render-serving")(render_serving)
app.add_typer(configs, name="configs")
app.command()(schema)


def print_version(is_asked: bool) -> None:
    """Print the version and end the command, if `--version` was given."""
    if is_asked:
        typer.echo(f"{NAME} {__version__}")
        raise typer.Exit


@app.callback()
def interestflow(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Turn raw interaction logs into a validated, served recommender."""


def main() -> None:
    """Run the command line."""
    # Set before anything imports TensorFlow, whose start-up messages contain nothing that a user could act on.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    app(prog_name=NAME)
