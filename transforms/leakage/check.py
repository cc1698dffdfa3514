"""Checks that examples hold what was known before their events, and nothing else.

Of a few hundred users, everything that their examples hold is derived anew from the log, in another way, and compared.
Of all examples that are read, each feature alone is asked how well it tells the labels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from interestflow.transforms import feature_names
from interestflow.transforms.config import EntityTable, IngestionConfig
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.feature_spec import raw_feature_spec
from interestflow.transforms.leakage.comparison import Comparison, compare
from interestflow.transforms.leakage.example_reader import read_columns, read_rows, shard_files
from interestflow.transforms.leakage.reference_examples import Features
from interestflow.transforms.leakage.single_feature_auc import Telling, tell
from interestflow.transforms.reading.columns import ENTITY
from interestflow.transforms.reading.entities import read_attributes
from interestflow.transforms.reading.events import read_events
from interestflow.transforms.reading.files import list_files
from interestflow.transforms.splits import SPLITS

USERS = 200
SHARDS = 2
"""From which the users are taken; more where these have too few."""


class LeakError(Exception):
    """Examples that hold what they should not; the message has the first findings and counts the rest."""


@dataclass(frozen=True)
class LeakReport:
    """What was checked, and what was found."""

    comparison: Comparison
    tellings: list[Telling]
    limit: float

    @property
    def telling(self) -> list[Telling]:
        """The features that tell a label too well to be known before it."""
        return [found for found in self.tellings if found.auc is not None and found.auc > self.limit]

    def raise_findings(self) -> None:
        """Raises a LeakError where there are any."""
        lines = []
        count = self.comparison.by_feature.total()
        if count:
            checked = f"{self.comparison.examples:,} examples of {self.comparison.users:,} users"
            lines.append(f"of {checked}, {count:,} values are not what the log says:")
            lines += [str(finding) for finding in self.comparison.findings]
            if count > len(self.comparison.findings):
                features = ", ".join(f"`{name}` {n:,}" for name, n in self.comparison.by_feature.most_common())
                lines.append(f"and {count - len(self.comparison.findings):,} more; in all {features}")
        lines += [
            f"`{found.feature}` alone tells the label of task {found.task} with an AUC of {found.auc:.3f} on "
            f"validation, more than {self.limit:g} (`features.max_single_feature_auc`): it must come from the label or "
            "from after it; leave it out, or use it along the history only"
            for found in self.telling
        ]
        if lines:
            raise LeakError("\n".join(lines))

    def as_json(self) -> str:
        content: dict[str, Any] = {
            "users": self.comparison.users,
            "examples": self.comparison.examples,
            "sampled_negatives": self.comparison.drawn,
            "findings": dict(self.comparison.by_feature),
            "max_single_feature_auc": self.limit,
            "single_auc": [asdict(telling) for telling in self.tellings],
        }
        return json.dumps(content, indent=2) + "\n"


def check_files(folder: str, config: IngestionConfig, users: int = USERS) -> LeakReport:
    """Checks written examples against the log that they were made from.

    Args:
        folder: of the examples, with a folder for each split in it.
        config: that they were made with.
        users: how many, about, have their examples derived anew.

    Raises:
        TableError: where there are no examples, or the log cannot be read.
    """
    spec = raw_feature_spec(config, with_labels=True)
    alone = [USER, *(attribute.name for attribute in config.features.with_target())]
    for task in config.tasks:
        alone += [feature_names.label(task.name)] + ([feature_names.mask(task.name)] if task.mask else [])
    columns: dict[str, list[pl.DataFrame]] = {split: [] for split in SPLITS}
    examples: dict[str, list[Features]] = {split: [] for split in SPLITS}
    sample: list[str] = []
    for shard in sorted(shard_files(folder), key=lambda files: _digest(min(files.values()).rpartition("/")[2])):
        if len(sample) >= users:
            break
        parts = {split: read_columns(path, {name: spec[name] for name in alone}) for split, path in shard.items()}
        ids = pl.concat([part.get_column(USER) for part in parts.values()]).unique().to_list()
        picked = sorted(ids, key=_digest)[: -(-users // SHARDS)]
        for split, path in shard.items():
            columns[split].append(parts[split].drop(USER))
            rows = np.flatnonzero(parts[split].get_column(USER).is_in(pl.Series(picked, dtype=pl.String)).to_numpy())
            examples[split] += read_rows(path, rows, spec)
        sample += picked
    events, first_seen = _read_log(config, sample)
    wanted = {example[ITEM][0] for found in examples.values() for example in found}
    items = _read_table(config, "items", wanted | set(events.get_column(ITEM).to_list()))
    comparison = compare(examples, events, config, items, _read_table(config, "users", set(sample)), first_seen)
    training, validation = (pl.concat(columns[split]) for split in SPLITS[:2])
    return LeakReport(comparison, tell(training, validation, config), config.features.max_single_feature_auc)


def _digest(text: str) -> bytes:
    """Orders users and shards as if by lot, and always alike."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def _read_log(config: IngestionConfig, users: Sequence[str]) -> tuple[pl.DataFrame, dict[str, int]]:
    """All events of these users; and when each item first appears, where negatives are drawn."""
    wanted = pl.Series(users, dtype=pl.String)
    parts, first = [], []
    for number, path in enumerate(list_files(config.data.events, config.data.folder)):
        for table in read_events(path, number, config):
            parts.append(table.frame.filter(pl.col(USER).is_in(wanted)))
            if config.negatives.source == "sampled" or config.sequence.history_negatives:
                first.append(table.frame.group_by(ITEM).agg(pl.col(TIMESTAMP).min()))
    seen = pl.concat(first).group_by(ITEM).agg(pl.col(TIMESTAMP).min()).iter_rows() if first else ()
    return pl.concat(parts, how="vertical_relaxed"), dict(seen)


def _read_table(config: IngestionConfig, name: EntityTable, ids: set[str]) -> pl.DataFrame | None:
    table = read_attributes(config, name)
    return None if table is None else table.frame.filter(pl.col(ENTITY).is_in(list(ids)))
