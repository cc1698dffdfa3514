"""Findings of the leak check: values that examples should not have, formatted for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from interestflow.transforms.feature_names import ITEM, TIMESTAMP, USER
from interestflow.transforms.leakage.reference_examples import Features
from interestflow.transforms.reading.timestamps import show_time

Value = TypeVar("Value")
MAX_FINDINGS = 5
SHOWN_VALUES = 6


@dataclass(frozen=True)
class Finding:
    """One value that an example should not have.

    Attributes:
        user: the user of the example.
        item: its item.
        time: its time, in microseconds since 1970.
        feature: the feature that differs, or what else is wrong with the example.
        expected: the value that the log implies.
        received: the value that the example has.
    """

    user: str
    item: str
    time: int
    feature: str
    expected: str
    received: str

    def __str__(self) -> str:
        """Return the finding as one sentence."""
        return (
            f"user {self.user}, item {self.item}, {show_time(self.time)}: `{self.feature}` should be {self.expected}, "
            f"received {self.received}"
        )

    @classmethod
    def about(cls, example: Features, feature: str, expected: str, received: str) -> Finding:
        """Return a finding about an example."""
        return cls(example[USER][0], example[ITEM][0], example[TIMESTAMP][0], feature, expected, received)


@dataclass
class Comparison:
    """Result of comparing examples with the log.

    Attributes:
        users: users whose examples were compared.
        examples: their examples.
        sampled: those of them that are sampled negatives.
        findings: the first `MAX_FINDINGS` findings.
        by_feature: number of findings by feature.
    """

    users: int = 0
    examples: int = 0
    sampled: int = 0
    findings: list[Finding] = field(default_factory=list)
    by_feature: Counter[str] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        """Count a finding, and keep it if it is one of the first."""
        self.by_feature[finding.feature] += 1
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)


def different_features(expected: Features, received: Features) -> Iterator[Finding]:
    """Yield a finding for every feature of `expected` that `received` has with other values, or lacks."""
    for name, values in expected.items():
        received_values = received.get(name, [])
        if not _is_same(values, received_values):
            yield Finding.about(
                expected, name, _format_values(values, received_values), _format_values(received_values, values)
            )


def _is_same(values: list[Any], other_values: list[Any]) -> bool:
    """Return whether two lists are equal; NaN equals NaN."""
    return len(values) == len(other_values) and all(
        value == other or (value != value and other != other) for value, other in zip(values, other_values, strict=True)
    )


def _format_values(values: list[Any], other_values: list[Any]) -> str:
    """Return the values around the first that differs from `other_values`."""
    if len(values) == len(other_values) == 1:
        return str(values[0]) if values[0] != "" else '""'
    pairs = zip(values, other_values, strict=False)
    position = next((index for index, pair in enumerate(pairs) if not _is_same([pair[0]], [pair[1]])), None)
    if position is None:
        position = min(len(values), len(other_values))
    start = max(0, min(position - SHOWN_VALUES // 2, len(values) - SHOWN_VALUES))
    stop = start + SHOWN_VALUES
    inner = ", ".join(str(value) for value in values[start:stop])
    shown = f"[{'..., ' * (start > 0)}{inner}{', ...' * (stop < len(values))}]"
    return f"{shown} ({len(values)} values)" if len(values) > SHOWN_VALUES else shown


def spread(values: Sequence[Value], count: int) -> Sequence[Value]:
    """Return at most `count` of the values, evenly spread."""
    return values[:: max(1, -(-len(values) // count))]
