"""Check that examples hold what was known before their events, and nothing else.

For a few hundred users, everything in their examples is derived again from the log, by a second implementation, and
compared. On all examples that are read, the AUC of each feature alone is measured.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from interestflow.transforms.config import EntityTable, IngestionConfig
from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.feature_spec import label_features, raw_feature_spec
from interestflow.transforms.leakage.comparison import UserLog, compare
from interestflow.transforms.leakage.example_reader import read_columns, read_rows, shard_files
from interestflow.transforms.leakage.findings import Comparison
from interestflow.transforms.leakage.reference_examples import Features
from interestflow.transforms.leakage.single_feature_auc import SingleFeatureAUC, single_feature_aucs
from interestflow.transforms.reading.columns import ENTITY
from interestflow.transforms.reading.entities import read_attributes
from interestflow.transforms.reading.events import read_events
from interestflow.transforms.reading.files import list_files
from interestflow.transforms.splits import SPLITS

USERS = 200
SHARDS = 2
"""Shards from which the users are taken; more if these have too few users."""


class LeakError(Exception):
    """Examples that hold values they should not; the message has the first findings and counts the rest."""


@dataclass(frozen=True)
class LeakReport:
    """Result of the leak check.

    Attributes:
        comparison: result of comparing the examples of some users with the log.
        aucs: the AUC of each feature alone.
        limit: the highest such AUC that is allowed.
    """

    comparison: Comparison
    aucs: list[SingleFeatureAUC]
    limit: float

    @property
    def leaking_features(self) -> list[SingleFeatureAUC]:
        """The features that predict a label too well to be known before it."""
        return [feature for feature in self.aucs if feature.auc is not None and feature.auc > self.limit]

    def raise_findings(self) -> None:
        """Raise an error with all findings, if there are any.

        Raises:
            LeakError: if examples differ from the log, or a feature leaks the label.
        """
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
            f"`{feature.feature}` alone predicts the label of task {feature.task} with an AUC of {feature.auc:.3f} on "
            f"validation, more than {self.limit:g} (`features.max_single_feature_auc`): it must come from the label or "
            "from after it; leave it out, or use it along the history only"
            for feature in self.leaking_features
        ]
        if lines:
            raise LeakError("\n".join(lines))

    def as_json(self) -> str:
        """Return the report as JSON."""
        content = {
            "users": self.comparison.users,
            "examples": self.comparison.examples,
            "sampled_negatives": self.comparison.sampled,
            "findings": dict(self.comparison.by_feature),
            "max_single_feature_auc": self.limit,
            "single_feature_auc": [asdict(feature) for feature in self.aucs],
        }
        return json.dumps(content, indent=2) + "\n"


class _Sample(NamedTuple):
    """Examples that are checked.

    Attributes:
        users: users whose examples are compared with the log.
        examples: by split, all examples of these users.
        columns: by split, the features of the target, labels and masks of all examples that were read.
    """

    users: list[str]
    examples: dict[str, list[Features]]
    columns: dict[str, pl.DataFrame]


def check_examples(folder: str, config: IngestionConfig, users: int = USERS) -> LeakReport:
    """Check written examples against the log that they were built from.

    Args:
        folder: folder of the examples, with one folder for each split.
        config: the configuration that they were built with.
        users: approximate number of users whose examples are derived again.

    Raises:
        TableError: if there are no examples, or the log cannot be read.
    """
    sample = _read_sample(folder, config, users)
    events, first_seen = _read_log(config, sample.users)
    items = {example[ITEM][0] for examples in sample.examples.values() for example in examples}
    items |= set(events.get_column(ITEM).to_list())
    log = UserLog(
        events, _read_table(config, "items", items), _read_table(config, "users", set(sample.users)), first_seen
    )
    comparison = compare(sample.examples, log, config)
    training, validation = (sample.columns[split] for split in SPLITS[:2])
    aucs = single_feature_aucs(training, validation, config)
    return LeakReport(comparison, aucs, config.features.max_single_feature_auc)


def _read_sample(folder: str, config: IngestionConfig, users: int) -> _Sample:
    """Read whole shards until they have about as many users as wanted."""
    spec = raw_feature_spec(config, with_labels=True)
    names = [USER, *(attribute.name for attribute in config.features.target_attributes()), *label_features(config)]
    columns: dict[str, list[pl.DataFrame]] = {split: [] for split in SPLITS}
    examples: dict[str, list[Features]] = {split: [] for split in SPLITS}
    sample: list[str] = []
    for shard in sorted(shard_files(folder), key=lambda files: _sort_key(min(files.values()).rpartition("/")[2])):
        if len(sample) >= users:
            break
        parts = {split: read_columns(path, {name: spec[name] for name in names}) for split, path in shard.items()}
        ids = pl.concat([part.get_column(USER) for part in parts.values()]).unique().to_list()
        shard_users = sorted(ids, key=_sort_key)[: -(-users // SHARDS)]
        for split, path in shard.items():
            columns[split].append(parts[split].drop(USER))
            is_in_sample = parts[split].get_column(USER).is_in(pl.Series(shard_users, dtype=pl.String))
            examples[split] += read_rows(path, np.flatnonzero(is_in_sample.to_numpy()), spec)
        sample += shard_users
    return _Sample(sample, examples, {split: pl.concat(columns[split]) for split in SPLITS[:2]})


def _sort_key(text: str) -> bytes:
    """Return a hash used as a deterministic pseudo-random sort key."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def _read_log(config: IngestionConfig, users: list[str]) -> tuple[pl.DataFrame, dict[str, int]]:
    """Read all events of these users; and, if negatives are sampled, the time of each item's first event."""
    wanted = pl.Series(users, dtype=pl.String)
    needs_first_seen = config.negatives.source == "sampled" or config.sequence.history_negatives
    parts, first = [], []
    for file_index, path in enumerate(list_files(config.data.events, config.data.folder)):
        for table in read_events(path, file_index, config):
            parts.append(table.frame.filter(pl.col(USER).is_in(wanted)))
            if needs_first_seen:
                first.append(table.frame.group_by(ITEM).agg(pl.col(TIMESTAMP).min()))
    first_seen = pl.concat(first).group_by(ITEM).agg(pl.col(TIMESTAMP).min()).iter_rows() if first else ()
    return pl.concat(parts, how="vertical_relaxed"), dict(first_seen)


def _read_table(config: IngestionConfig, name: EntityTable, ids: set[str]) -> pl.DataFrame | None:
    """Read the rows of these items or users; None if the configuration has no such table."""
    table = read_attributes(config, name)
    return None if table is None else table.frame.filter(pl.col(ENTITY).is_in(list(ids)))
