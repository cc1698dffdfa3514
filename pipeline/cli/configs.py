"""The commands `interestflow configs` and `interestflow configs copy`: configurations that come with the package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from interestflow.pipeline.cli.options import fail

SUFFIX = ".yaml"

app = typer.Typer(help="List the configurations that come with interestflow, or copy one to edit it.")


def shipped_configs() -> Mapping[str, Traversable]:
    """Return the configurations in the installed package by their names, in alphabetical order."""
    folder = files("interestflow") / "configs"
    files_by_name = {file.name.removesuffix(SUFFIX): file for file in folder.iterdir() if file.name.endswith(SUFFIX)}
    return dict(sorted(files_by_name.items()))


def summary(text: str) -> str:
    """Return the first sentence of the comment at the head of a configuration; "" where it has none."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    comment = " ".join(lines)
    sentence = re.match(r".*?[.?!](?=\s|$)", comment)
    return sentence[0] if sentence else comment


@app.callback(invoke_without_command=True)
def list_configs(context: typer.Context) -> None:
    """List the configurations that come with interestflow, or copy one to edit it."""
    if context.invoked_subcommand is not None:
        return
    configs = shipped_configs()
    width = max(map(len, configs), default=0)
    for name, file in configs.items():
        typer.echo(f"{name:<{width}}  {summary(file.read_text(encoding='utf-8'))}")


@app.command("copy")
def copy_config(
    name: Annotated[str, typer.Argument(help="Name of a configuration, as `interestflow configs` lists it.")],
    folder: Annotated[Path, typer.Argument(help="Folder to copy to; the current one by default.")] = Path("."),
) -> None:
    """Copy a configuration to a folder. A file that exists there is not overwritten."""
    configs = shipped_configs()
    if name not in configs:
        fail(f"`NAME` should be one of {', '.join(configs)}, received {name!r}")
    path = folder / f"{name}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(configs[name].read_text(encoding="utf-8"))
    except FileExistsError:
        fail(f"{path} exists already; name another folder or remove it")
    except OSError as error:
        fail(f"{path} cannot be written: {error.strerror}")
    typer.echo(f"wrote {path}")
