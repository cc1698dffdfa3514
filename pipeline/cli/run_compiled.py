"""The command `interestflow run-compiled`: executes a compiled specification as Kubeflow Pipelines does."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from interestflow.pipeline.cli.options import fail

if TYPE_CHECKING:  # `--help` imports this module and should stay fast
    from rich.console import Console
    from rich.status import Status

    from interestflow.kubeflow.backend.engine import Engine
    from interestflow.kubeflow.backend.object_store import ObjectStore
    from interestflow.kubeflow.backend.run import Plan, StepEvent
    from interestflow.kubeflow.backend.specification import Specification

SUCCESS, FAILED, REFUSED, STOPPED = 0, 1, 2, 130
MARKS = {
    "done": "[green]✓[/]", "cached": "[cyan]=[/]", "skipped": "[yellow]-[/]", "omitted": "[yellow]-[/]",
    "retried": "[yellow]↻[/]", "failed": "[red]✗[/]",
}  # fmt: skip


class StoreName(StrEnum):
    """Where artifacts are kept."""

    folder = "folder"
    live = "live"


class EngineName(StrEnum):
    """What executes the steps."""

    processes = "processes"
    docker = "docker"
    podman = "podman"


class NetworkName(StrEnum):
    """Network of a container."""

    none = "none"
    host = "host"


@dataclass(frozen=True)
class RunCompiledOptions:
    """Arguments and options of the command."""

    specification: Annotated[
        Path, typer.Argument(metavar="PIPELINE", help="File that `interestflow compile` wrote (.yaml or .json).")
    ]
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="Parameter of the run; may be given repeatedly."),
    ] = None
    pipeline_root: Annotated[
        str | None, typer.Option(help="URL of all artifacts, instead of the specification's `defaultPipelineRoot`.")
    ] = None
    state: Annotated[
        Path | None, typer.Option(help="Folder of artifacts, cache and logs, instead of runs/compiled/NAME.")
    ] = None
    object_store: Annotated[
        StoreName, typer.Option(help="Store of the artifacts: a folder below the state, or the live one of the root.")
    ] = StoreName.folder
    engine: Annotated[EngineName, typer.Option(help="What executes the steps.")] = EngineName.processes
    network: Annotated[NetworkName, typer.Option(help="Network of the containers.")] = NetworkName.none
    volume: Annotated[
        list[str] | None,
        typer.Option(
            "--volume",
            metavar="CLAIM=FOLDER",
            help="Folder that stands for a volume claim or a mounted secret, in containers.",
        ),
    ] = None


def run_compiled(options: RunCompiledOptions) -> None:
    """Execute a compiled pipeline on this machine as the open-source Kubeflow Pipelines backend would.

    Exit code 0 if every step ran, 1 if one failed, 2 if a condition skipped one, as a gate's refusal does.
    """
    from rich.console import Console

    from interestflow.kubeflow.backend.errors import RefusedError

    console = Console(highlight=False, soft_wrap=True)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = _run(options, console)
    except RefusedError as error:
        fail(error)
    except KeyboardInterrupt:
        console.print("[bold red]stopped[/]; the next run continues from the cache")
        code = STOPPED
    raise typer.Exit(code)


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _run(options: RunCompiledOptions, console: Console) -> int:
    from rich.markup import escape

    from interestflow.kubeflow.backend import BACKEND_VERSION
    from interestflow.kubeflow.backend.parameters import run_parameters
    from interestflow.kubeflow.backend.run import Run, plan_run
    from interestflow.kubeflow.backend.specification import read_specification
    from interestflow.kubeflow.backend.state import State

    start = time.monotonic()
    specification = read_specification(options.specification)
    parameters = run_parameters(specification.parameters, options.parameter or ())
    root = _root(options, specification)
    engine = _engine(options)
    plan = plan_run(specification, parameters, root, engine)
    folder = options.state or _default_state(specification.name)
    with State.opened(folder.expanduser().resolve()) as state:
        store = _store(options, state.folder, root)
        console.print(f"[bold]{specification.name}[/]: as Kubeflow Pipelines {BACKEND_VERSION}, state in {folder}")
        for note in _notes(options, plan):
            console.print(escape(note))
        with console.status("") as status:
            events = Run(plan, store, engine, state, lambda event: _show(console, status, event)).execute()
    return _conclude(console, list(events.values()), time.monotonic() - start)


def _root(options: RunCompiledOptions, specification: Specification) -> str:
    from interestflow.kubeflow.backend.errors import RefusedError
    from interestflow.kubeflow.backend.uris import validate_root

    if options.pipeline_root:
        return validate_root(options.pipeline_root, "`--pipeline-root`")
    if specification.default_root:
        return validate_root(specification.default_root, "`defaultPipelineRoot`")
    raise RefusedError("the specification has no `defaultPipelineRoot`: give `--pipeline-root`")


def _notes(options: RunCompiledOptions, plan: Plan) -> list[str]:
    notes = [f"root {plan.root}"]
    if not options.pipeline_root:
        notes[0] += ", from `defaultPipelineRoot`; the backend ignores that field and takes the root of the run"
    return notes + plan.notes


def _default_state(name: str) -> Path:
    from interestflow.pipeline.config import RUNS_FOLDER_VARIABLE

    return Path(os.environ.get(RUNS_FOLDER_VARIABLE) or "runs") / "compiled" / name


def _engine(options: RunCompiledOptions) -> Engine:
    from interestflow.kubeflow.backend.containers import Containers
    from interestflow.kubeflow.backend.errors import RefusedError
    from interestflow.kubeflow.backend.processes import Processes

    volumes: dict[str, Path] = {}
    for text in options.volume or ():
        claim, separator, folder = text.partition("=")
        if not claim or not separator or not folder:
            raise RefusedError(f"`--volume` should be CLAIM=FOLDER, but is {text!r}")
        volumes[claim] = Path(folder).expanduser().resolve()
    if options.engine is EngineName.processes:
        if options.network is not NetworkName.none:
            raise RefusedError("`--network` needs `--engine docker` or podman: a process has this machine's network")
        return Processes(volumes)
    return Containers(options.engine.value, options.network.value, volumes)


def _store(options: RunCompiledOptions, folder: Path, root: str) -> ObjectStore:
    if options.object_store is StoreName.live:
        from interestflow.kubeflow.backend.live_store import open_live_store

        return open_live_store(root)
    from interestflow.kubeflow.backend.object_store import FolderStore

    return FolderStore(folder / "objects")


def _show(console: Console, status: Status, event: StepEvent) -> None:
    from rich.markup import escape

    if event.outcome == "running":
        status.update(event.task)
        return
    reason = "" if not event.reason or event.outcome == "failed" else f"  {event.reason}"
    console.print(
        f"{MARKS[event.outcome]} {event.task:<18} {event.outcome:<8}{event.seconds:7.1f} s{escape(reason)}".rstrip()
    )


def _conclude(console: Console, events: list[StepEvent], seconds: float) -> int:
    from rich.markup import escape

    last = events[-1]
    if last.outcome == "failed":
        console.print(f"[bold red]{last.task} failed:[/] {escape(last.reason)}")
        if last.log is not None:
            console.print(f"More in {escape(str(last.log))}")
        return FAILED
    cached = sum(event.outcome == "cached" for event in events)
    skipped = [event.task for event in events if event.outcome == "skipped"]
    summary = f"{len(events)} steps, {cached} served from cache, {seconds:.0f} s"
    if skipped:
        console.print(f"[bold yellow]succeeded[/] ({summary}), but a condition skipped {', '.join(skipped)}")
        return REFUSED
    console.print(f"[bold green]succeeded[/] ({summary})")
    return SUCCESS
