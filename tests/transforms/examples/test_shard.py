"""Exact examples of small logs; no example depends on anything at or after its own instant."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.examples.small_shards import examples_of
from tests.transforms.small_log import SECOND, configuration, events


def test_rows_in_examples_out() -> None:
    log = events([("u1", "i1", 100, 1), ("u2", "i9", 101, 1), ("u1", "i2", 160, 0), ("u1", "i3", 220, 1)])
    common = {"sampling_probability": 1.0, "slice_user": "known", "slice_item": "known"}
    assert examples_of(log, configuration()) == [
        {
            "user": "u1", "item": "i1", "timestamp": 100 * SECOND, "label_click": 1.0, "history_item": [],
            "history_age": [], "history_count": 0, "slice_history_length": "0", **common,
        },
        {
            "user": "u1", "item": "i2", "timestamp": 160 * SECOND, "label_click": 0.0, "history_item": ["i1"],
            "history_age": [60], "history_count": 1, "slice_history_length": "1-4", **common,
        },
        {
            "user": "u1", "item": "i3", "timestamp": 220 * SECOND, "label_click": 1.0, "history_item": ["i1", "i2"],
            "history_age": [120, 60], "history_count": 2, "slice_history_length": "1-4", **common,
        },
        {
            "user": "u2", "item": "i9", "timestamp": 101 * SECOND, "label_click": 1.0, "history_item": [],
            "history_age": [], "history_count": 0, "slice_history_length": "0", **common,
        },
    ]  # fmt: skip


def test_simultaneous_events_are_not_in_each_others_history_and_keep_their_order() -> None:
    log = events([("u", "b", 5, 1), ("u", "a", 5, 1), ("u", "c", 6, 1)])
    histories = {example["item"]: example["history_item"] for example in examples_of(log, configuration())}
    assert histories == {"a": [], "b": [], "c": ["b", "a"]}


def test_only_configured_behaviours_are_in_a_history() -> None:
    log = events([("u", "a", 1, 1), ("u", "b", 2, 0), ("u", "c", 3, 1)])
    config = configuration(sequence={"behaviours": {"column": "click"}})
    assert [example["history_item"] for example in examples_of(log, config)] == [[], ["a"], ["a"]]


def test_behaviours_become_known_after_the_delay() -> None:
    log = events([("u", "a", 0, 1), ("u", "b", 10, 1), ("u", "c", 11, 1)])
    config = configuration(sequence={"availability_delay": 10})
    assert [example["history_item"] for example in examples_of(log, config)] == [[], [], ["a"]]


ROW = st.tuples(st.sampled_from("uv"), st.sampled_from("abcd"), st.integers(0, 9), st.integers(0, 1))
LOG = st.lists(ROW, min_size=1, max_size=14, unique_by=lambda row: row[:3])
CATALOGUE = dict.fromkeys("abcdefgh", 1)


@settings(deadline=None, max_examples=60)
@given(LOG, LOG, st.integers(0, 9), st.sampled_from(["impressions", "sampled"]), st.integers(0, 3))
def test_no_example_knows_of_anything_at_or_after_its_instant(
    log: list[tuple[Any, ...]], other: list[tuple[Any, ...]], instant: int, negatives: str, delay: int
) -> None:
    """All that happens from an instant on is replaced by something else: examples before it stay, byte for byte."""
    config = configuration(negatives={"source": negatives}, sequence={"availability_delay": delay, "max_length": 3})
    changed = [row for row in log if row[2] < instant] + [row for row in other if row[2] >= instant]

    def before(rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
        if not rows:
            return []
        examples = examples_of(events(rows), config, catalogue=CATALOGUE)
        return [example for example in examples if example["timestamp"] < instant * SECOND]

    assert before(log) == before(changed)


@settings(deadline=None, max_examples=60)
@given(LOG, st.integers(0, 13), st.sampled_from(["impressions", "sampled"]))
def test_a_simultaneous_event_changes_nothing_of_an_example(
    log: list[tuple[Any, ...]], candidate: int, negatives: str
) -> None:
    """All other events of the chosen one's instant are taken away: its own examples stay as they were."""
    config = configuration(negatives={"source": negatives})
    chosen_row = log[candidate % len(log)]
    alone = [row for row in log if row == chosen_row or row[2] != chosen_row[2]]

    def at_its_instant(rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
        examples = examples_of(events(rows), config, catalogue=CATALOGUE)
        return [e for e in examples if e["user"] == chosen_row[0] and e["timestamp"] == chosen_row[2] * SECOND]

    together = at_its_instant(log)
    assert [example for example in at_its_instant(alone) if example not in together] == []


@settings(deadline=None, max_examples=30)
@given(LOG, st.randoms())
def test_the_order_of_the_rows_does_not_matter_where_times_differ(log: list[tuple[Any, ...]], random: Any) -> None:
    log = list({(row[0], row[2]): row for row in log}.values())
    shuffled = random.sample(log, len(log))
    assert examples_of(events(log), configuration()) == examples_of(events(shuffled), configuration())
