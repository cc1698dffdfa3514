"""The command `interestflow validate`."""

from __future__ import annotations

import typer

from interestflow.pipeline.cli.options import ConfigPath, DataFolder, load_config


def validate(config: ConfigPath, data_folder: DataFolder = None) -> None:
    """Check a configuration against the real files and show what the pipeline would read, without running it."""
    # Before the imports below, so that a typo is reported at once.
    loaded = load_config(config, data_folder, parameters=())

    from rich.console import Console

    from interestflow.pipeline.validate.checks import validate as check
    from interestflow.pipeline.validate.terminal import render

    report = check(loaded)
    Console().print(render(report), soft_wrap=True)
    raise typer.Exit(0 if report.is_usable else 1)
