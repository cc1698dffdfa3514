"""Page of the documentation that lists every command and option, generated from the typer application.

The page is built from the signatures of the commands, because typer's classes for parameters are internal and change
between its releases.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, Literal, Union

import typer
from typer.models import ArgumentInfo, OptionInfo, ParameterInfo

from tools.markdown_table import markdown_table

INTRODUCTION = """# Command line

This page is generated from the program itself. `interestflow COMMAND --help` prints the same text.
"""


def _split_annotation(annotation: Any) -> tuple[Any, ParameterInfo | None]:
    """Return the type of a parameter, and its typer annotation if there is one."""
    if typing.get_origin(annotation) is typing.Annotated:
        kind, *notes = typing.get_args(annotation)
        return kind, next((note for note in notes if isinstance(note, ParameterInfo)), None)
    return annotation, None


def value_text(kind: Any) -> str:
    """Return a Python type in words: `int` is "integer", a `Literal` its values, and `None` in a union is left out."""
    if typing.get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(kind))
    if typing.get_origin(kind) in (Union, types.UnionType):
        return " or ".join(value_text(part) for part in typing.get_args(kind) if part is not type(None))
    if typing.get_origin(kind) is list:
        return f"{value_text(typing.get_args(kind)[0])}, may be repeated"
    words = {"bool": "flag", "int": "integer", "float": "number", "str": "text", "Path": "path"}
    name = getattr(kind, "__name__", str(kind))
    return words.get(name, name)


def _names(name: str, kind: Any, info: ParameterInfo | None) -> str:
    if isinstance(info, ArgumentInfo):
        return f"`{info.metavar or name.upper()}`"
    # In `Annotated[..., typer.Option("--output", "-o")]`, typer keeps the first name as the default.
    texts = (getattr(info, "default", None), *(getattr(info, "param_decls", None) or ()))
    declared = [text for text in texts if isinstance(text, str) and text.startswith("-")]
    flag = f"--{name.replace('_', '-')}"
    names = declared or ([flag, f"--no-{flag[2:]}"] if kind is bool else [flag])
    return ", ".join(f"`{text}`" for text in names)


def _default(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return "required"
    return "" if parameter.default is None or parameter.default is False else f"`{parameter.default}`"


def parameter_rows(callback: Callable[..., Any]) -> Iterator[tuple[str, ...]]:
    """Yield names, value, default and help of each visible argument and option of a command."""
    hints = typing.get_type_hints(callback, include_extras=True)
    for name, parameter in inspect.signature(callback).parameters.items():
        kind, info = _split_annotation(hints.get(name, parameter.annotation))
        if kind is typer.Context or getattr(info, "hidden", False):
            continue
        if not isinstance(info, ArgumentInfo | OptionInfo) and parameter.default is inspect.Parameter.empty:
            info = ArgumentInfo(default=...)
        yield _names(name, kind, info), value_text(kind), _default(parameter), getattr(info, "help", None) or ""


def command_section(path: str, callback: Callable[..., Any], help_text: str | None) -> str:
    """Return the section of one command: its help, and a table of its arguments and options."""
    lines = [f"## `{path}`", "", inspect.cleandoc(help_text or callback.__doc__ or ""), ""]
    rows = list(parameter_rows(callback))
    if rows:
        lines.append(markdown_table(("Argument or option", "Value", "Default", "Description"), rows))
    return "\n".join(lines) + "\n"


def command_sections(program: str, app: typer.Typer) -> Iterator[str]:
    """Yield the sections of an application's visible commands, in the order of their definition."""
    main = app.registered_callback
    if main and main.callback:
        yield command_section(program, main.callback, app.info.help)
    for command in app.registered_commands:
        if command.callback and not command.hidden:
            name = command.name or command.callback.__name__.replace("_", "-")
            yield command_section(f"{program} {name}", command.callback, command.help)
    for group in app.registered_groups:
        if group.typer_instance and not group.hidden:
            yield from command_sections(f"{program} {group.name or ''}".strip(), group.typer_instance)


def command_line_page(program: str, app: typer.Typer) -> str:
    """Return the whole page in Markdown."""
    return "\n".join([INTRODUCTION, *command_sections(program, app)])
