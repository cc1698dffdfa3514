"""Logs and configurations of `benchmarks/scale.py`: generated logs of any size and shape, even or skewed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from interestflow.transforms.generator.config import LogGeneratorConfig
from interestflow.transforms.generator.generate import generate_log

PART_EVENTS = 1_000_000
"""Events that are generated at once: a larger log has several such parts, of different users and the same items."""
EVENTS_PER_USER = 200
"""With every event a behaviour and histories of 50, a mean history has 44 of them."""
IN_MEMORY = "in_memory"
USER_SHARE, ITEM_SHARE, FILES = 0.1, 0.3, 10_000
"""Share of the events that one user and that one item has in a skewed log, and the number of its files."""
ATTRIBUTES: tuple[dict[str, Any], ...] = (
    {"name": "category", "from": "items", "use": ["target", "history"]},
    {"name": "device", "from": "events"},
    {"name": "hour", "from": "events"},
    {"name": "age_group", "from": "users"},
    {"name": "country", "from": "users"},
)


@dataclass(frozen=True)
class Shape:
    """Size and shape of a log, and what is trained on it.

    Attributes:
        events: rows of the log.
        items: rows of the table of items.
        history: behaviours that an example keeps.
        attributes: number of attributes, the first of `ATTRIBUTES`; the first of them is along the history too.
        is_skewed: whether one user has 10% of the events, one item 30%, and the log is in ten thousand files.
        model, baseline: models that are trained.
        runner: Beam's runner, as in `beam.runner`.
    """

    events: int
    items: int = 20_000
    history: int = 50
    attributes: int = 4
    is_skewed: bool = False
    model: str = "din"
    baseline: str = "pooled"
    runner: str = IN_MEMORY

    @property
    def name(self) -> str:
        """Name of its configuration and of its results."""
        return f"{self.data_name}-{self.model}-{self.baseline}"

    @property
    def data_name(self) -> str:
        """Name of the folder of its runs, which runs of other models share: their data are the same."""
        skew = "-skewed" if self.is_skewed else ""
        runner = "" if self.runner == IN_MEMORY else f"-{self.runner}"
        return f"{self.events}-{self.items}-{self.history}-{self.attributes}{skew}{runner}"

    @property
    def log_name(self) -> str:
        """Name of the folder of its log, which other shapes share."""
        return f"log-{self.events}-{self.items}" + ("-skewed" if self.is_skewed else "")


def prepare(shape: Shape, scratch: Path) -> Path:
    """Write the log and the configuration of a shape below `scratch`, unless they are there, and return the latter."""
    log = scratch / shape.log_name
    if not (log / "complete").exists():
        write_parts(shape, log)
        (log / "complete").touch()
    config = scratch / f"{shape.name}.yaml"
    config.write_text(yaml.safe_dump(configuration(shape, log)))
    return config


def configuration(shape: Shape, log: Path) -> dict[str, Any]:
    """Return the configuration of one epoch on a log, without gates on quality and latency, as a document."""
    beam = {} if shape.runner == IN_MEMORY else {"beam": {"runner": shape.runner}}  # a key that is newer than others
    return {
        "name": "scale",
        "data": {
            "folder": str(log),
            "events": {
                "path": "events-*.parquet", "format": "parquet", "user": "user", "item": "item",
                "timestamp": "timestamp", "timestamp_unit": "ms",
            },
            "items": {"path": "items.parquet", "format": "parquet", "id": "item"},
            "users": {"path": "users.parquet", "format": "parquet", "id": "user"},
        },
        "tasks": [{"name": "click", "label": {"column": "click"}}],
        "sequence": {"max_length": shape.history},
        "features": {"attributes": [dict(attribute) for attribute in ATTRIBUTES[: shape.attributes]]},
        "model": {"name": shape.model},
        "baseline": {"name": shape.baseline},
        "training": {"batch_size": 1024, "epochs": 1, "early_stopping": None},
        "evaluation": {"gate": {"at_least": {"auc": 0.0}}},
        **beam,
    }  # fmt: skip


def write_parts(shape: Shape, folder: Path) -> None:
    """Write the log as Parquet files: a file for each part of it or, skewed, ten thousand in all."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = -(-shape.events // PART_EVENTS)
    sizes = [len(part) for part in np.array_split(np.arange(shape.events), parts)]
    users = []
    for part, size in enumerate(sizes):
        config = LogGeneratorConfig(
            events=size, users=max(2, size // EVENTS_PER_USER), items=shape.items,
            categories=min(100, shape.items), seed=17 + part,
        )  # fmt: skip
        log = generate_log(config)
        # Users of different parts are different people; items have the same names, but popularities of their own.
        rename = pl.concat_str(pl.lit(f"p{part}"), pl.col("user")).alias("user")
        events = log.events.drop("true_probability").with_columns(rename)
        users.append(log.users.with_columns(rename))
        if part == 0:
            log.items.write_parquet(folder / "items.parquet")
        if not shape.is_skewed:
            events.write_parquet(folder / f"events-{part:03}.parquet")
            continue
        files = range(FILES * part // parts, FILES * (part + 1) // parts)
        write_files(skewed(events, part), folder, files)
    pl.concat(users).write_parquet(folder / "users.parquet")


def skewed(events: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return the events with one user, `p0u1`, in a tenth of them, and one item, `i1`, in three tenths."""
    random = np.random.default_rng(seed)
    has_user = pl.lit(pl.Series(random.random(events.height) < USER_SHARE))
    has_item = pl.lit(pl.Series(random.random(events.height) < ITEM_SHARE))
    return events.with_columns(
        user=pl.when(has_user).then(pl.lit("p0u1")).otherwise("user"),
        item=pl.when(has_item).then(pl.lit("i1")).otherwise("item"),
    )


def write_files(events: pl.DataFrame, folder: Path, files: range) -> None:
    """Write the events as one file for each number of `files`, about equally many in each."""
    bounds = np.linspace(0, events.height, len(files) + 1).astype(int)
    for file, start, stop in zip(files, bounds, bounds[1:], strict=False):
        events.slice(int(start), int(stop - start)).write_parquet(folder / f"events-{file:05}.parquet")
