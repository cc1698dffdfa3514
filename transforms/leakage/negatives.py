"""Checks of sampled negatives: of positives, and of the behaviours in histories."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from interestflow.transforms.feature_names import (
    HISTORY_ITEM,
    HISTORY_NEGATIVE_ITEM,
    ITEM,
    SAMPLING_PROBABILITY,
    TIMESTAMP,
)
from interestflow.transforms.leakage.findings import Comparison, Finding, different_features, spread
from interestflow.transforms.leakage.reference_examples import Features, ReferenceExamples, Row
from interestflow.transforms.reading.timestamps import show_time
from interestflow.transforms.splits import SPLITS

FEATURE = "negatives"


def compare_negatives(
    reference: ReferenceExamples, received: list[Features], per_positive: int, per_user: int, result: Comparison
) -> None:
    """Check that each negative equals its positive but for item and label, and has an item without earlier positive.

    Args:
        reference: reference implementation of the user's examples.
        received: the user's sampled negatives.
        per_positive: negatives for each positive, at most.
        per_user: negatives that are compared, evenly spread.
        result: takes the findings.
    """
    positives: dict[int, list[Row]] = defaultdict(list)
    positive_since: dict[str, int] = {}
    for event in reference.events:
        if reference.is_positive(event):
            positives[event[TIMESTAMP]].append(event)
            positive_since.setdefault(event[ITEM], event[TIMESTAMP])
    count = Counter(example[TIMESTAMP][0] for example in received)
    for example in spread(received, per_user):
        item, time = example[ITEM][0], example[TIMESTAMP][0]
        # Nobody knew the user's other positives of the same instant, so they may be sampled; the event's own item may
        # not.
        candidates = [reference.features(event, item) for event in positives[time] if event[ITEM] != item]
        allowed = len(positives[time]) * per_positive
        if count[time] > allowed:
            result.add(Finding.about(example, FEATURE, f"at most {allowed}", str(count[time])))
        elif positive_since.get(item, time) < time:
            expected = f"an item without an earlier positive, this one had one at {show_time(positive_since[item])}"
            result.add(Finding.about(example, FEATURE, expected, item))
        elif not candidates:
            result.add(Finding.about(example, FEATURE, "another item than the event's own", item))
        elif all(differences := [list(different_features(candidate, example)) for candidate in candidates]):
            for finding in differences[0]:
                result.add(finding)


def compare_windows(
    examples: Mapping[str, Sequence[Features]], first_seen: Mapping[str, int], result: Comparison
) -> None:
    """Check that the sampled items are from the training window.

    Args:
        examples: by split, all examples.
        first_seen: by item, the time of its first event, in microseconds.
        result: takes the findings.
    """
    end = _training_end(examples)
    for example in (example for of_split in examples.values() for example in of_split):
        item = example[ITEM][0]
        if example[SAMPLING_PROBABILITY][0] != 1.0 and first_seen.get(item, -math.inf) >= end:
            result.add(Finding.about(example, FEATURE, _from_training(first_seen[item]), item))


def compare_history_negatives(
    examples: Mapping[str, Sequence[Features]], first_seen: Mapping[str, int], result: Comparison
) -> None:
    """Check the negatives of behaviours: in training, another item of the training window each; elsewhere, none.

    Args:
        examples: by split, all examples.
        first_seen: by item, the time of its first event, in microseconds.
        result: takes the findings.
    """
    end = _training_end(examples)
    for split, of_split in examples.items():
        for example in of_split:
            history, sampled = example[HISTORY_ITEM], example.get(HISTORY_NEGATIVE_ITEM, [])
            count = len(history) if split == SPLITS[0] else 0
            if len(sampled) != count:
                finding = (f"{count} values", f"{len(sampled)} values")
                result.add(Finding.about(example, HISTORY_NEGATIVE_ITEM, *finding))
                continue
            for behaviour, item in zip(history, sampled, strict=False):
                if item == behaviour:
                    expected = "another item than the behaviour's own"
                elif item and first_seen.get(item, -math.inf) >= end:
                    expected = _from_training(first_seen[item])
                else:
                    continue
                result.add(Finding.about(example, HISTORY_NEGATIVE_ITEM, expected, item))


def _training_end(examples: Mapping[str, Sequence[Features]]) -> float:
    """Return the time of the first example after the training split; infinity if there is none."""
    later = (example[TIMESTAMP][0] for split in SPLITS[1:] for example in examples.get(split, ()))
    return min(later, default=math.inf)


def _from_training(first_seen: int) -> str:
    """Return what was expected of an item that first appears after the training window."""
    return f"an item of the training window, this one first appears {show_time(first_seen)}"
