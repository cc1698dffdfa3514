"""The command `interestflow schema`."""

from __future__ import annotations

import json

import typer


def schema() -> None:
    """Print the JSON schema of a configuration, by which editors complete and check its keys."""
    from interestflow.pipeline.config_schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
