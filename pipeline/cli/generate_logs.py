"""The command `interestflow generate-logs`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from interestflow.pipeline.cli.options import fail

if TYPE_CHECKING:
    from pydantic import ValidationError

LogFormat = Literal["parquet", "csv", "jsonl"]


def generate_logs(
    folder: Annotated[Path, typer.Argument(help="Folder to write the events, items and users to.")],
    events: Annotated[int, typer.Option(help="Number of impressions.")] = 200_000,
    users: Annotated[int, typer.Option(help="Number of users.")] = 2_000,
    items: Annotated[int, typer.Option(help="Number of items.")] = 2_000,
    categories: Annotated[int, typer.Option(help="Number of item categories.")] = 100,
    days: Annotated[int, typer.Option(help="Days that the log covers.")] = 30,
    seed: Annotated[int, typer.Option(help="Seed of the generator.")] = 17,
    file_format: Annotated[LogFormat, typer.Option("--format", help="Format of the files.")] = "parquet",
) -> None:
    """Generate a log whose click probabilities are known, so that the best possible AUC is known too."""
    from pydantic import ValidationError
    from rich.console import Console

    from interestflow.transforms.generator.best_possible import best_possible
    from interestflow.transforms.generator.config import LogGeneratorConfig
    from interestflow.transforms.generator.generate import generate_log
    from interestflow.transforms.generator.log_files import write_log

    sizes = {"events": events, "users": users, "items": items, "categories": categories, "days": days, "seed": seed}
    try:
        log = generate_log(LogGeneratorConfig.model_validate(sizes))
        paths = write_log(log, folder, file_format)
    except ValidationError as error:
        fail(_describe(error))
    except OSError as error:
        fail(f"{folder} cannot be written to: {error.strerror}")
    best = best_possible(log.events["true_probability"].to_numpy())
    console = Console()
    for name, path in paths.items():
        console.print(f"{getattr(log, name).height:>12,} {name:<7} {path}", highlight=False, soft_wrap=True)
    clicked = float(log.events["click"].to_numpy().mean())
    console.print(
        f"clicked {clicked:.3f} of the time; best possible AUC {best.auc:.4f}, log loss {best.log_loss:.4f}",
        highlight=False,
    )


def _describe(error: ValidationError) -> str:
    """Return what is wrong with the sizes, each with its option."""
    return "; ".join(
        f"--{mistake['loc'][0]}: {mistake['msg']}" if mistake["loc"] else mistake["msg"] for mistake in error.errors()
    )
