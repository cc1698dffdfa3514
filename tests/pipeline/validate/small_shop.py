"""A small shop with files, a configuration and its validation."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from interestflow.pipeline.config import load
from interestflow.pipeline.validate.checks import validate
from interestflow.pipeline.validate.report import ValidationReport
from interestflow.pipeline.validate.terminal import render

CONFIG = """
name: shop
data:
  events: {path: "events*.csv", format: csv, user: user, item: item, timestamp: time}
  items: {path: items.csv, format: csv, id: item}
tasks:
  - {name: click, label: {column: click}}
sequence: {behaviours: {column: click}, max_length: 3}
features:
  attributes:
    - {name: colour, from: items, use: [target, history]}
    - {name: tags, from: items, kind: categorical_list}
    - {name: price, from: items, kind: numeric}
    - {name: device, from: events}
model: {name: pooled}
"""
MARCH = 1709251200
"""2024-03-01 00:00:00 UTC in seconds."""


def events(count: int = 20) -> list[str]:
    """An event a second; users by turns, of two; the first and last of every four are clicks; four items."""
    devices = ["web", "web", "web", "app", "app"] + [""] * count
    return [
        f"u{index % 2},i{index % 4},{MARCH + index},{int(index % 4 in (0, 3))},{devices[index]}"
        for index in range(count)
    ]


def write_shop(folder: Path, rows: list[str] | None = None, config: str = CONFIG) -> Path:
    (folder / "events.csv").write_text("user,item,time,click,device\n" + "\n".join(events() if rows is None else rows))
    items = ["i0,red,a|b,1", "i1,red,b,2.5", "i2,blue,,", "i3,red,a,4"]
    (folder / "items.csv").write_text("item,colour,tags,price\n" + "\n".join(items))
    path = folder / "shop.yaml"
    path.write_text(config)
    return path


def validate_shop(folder: Path, rows: list[str] | None = None, config: str = CONFIG) -> ValidationReport:
    return validate(load(write_shop(folder, rows, config)))


def render_text(report: ValidationReport) -> str:
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render(report))
    return console.export_text()
