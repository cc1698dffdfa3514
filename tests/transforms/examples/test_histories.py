"""The history of an event: the newest strictly earlier behaviours of its user, oldest first."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from interestflow.transforms.examples.histories import build_histories


def histories(
    events: list[tuple[int, int, bool]], max_length: int = 50, delay: int = 0
) -> tuple[list[list[int]], list[int]]:
    """Return row numbers and counts of the histories of events (user, time, is a behaviour)."""
    user, time, behaviour = (np.array(column) for column in zip(*events, strict=True))
    built = build_histories(user.astype(np.int64), time.astype(np.int64), behaviour.astype(bool), max_length, delay)
    flat, offsets = built.flatten(), built.offsets
    return [flat[a:b].tolist() for a, b in pairwise(offsets)], built.count.tolist()


def test_strictly_before_and_of_the_same_user() -> None:
    events = [(0, 10, True), (0, 20, True), (0, 20, True), (0, 30, True), (1, 5, True), (1, 40, True)]
    rows, counts = histories(events)
    assert rows == [[], [0], [0], [0, 1, 2], [], [4]]
    assert counts == [0, 1, 1, 3, 0, 1]


def test_only_behaviours_count() -> None:
    assert histories([(0, 1, False), (0, 2, True), (0, 3, False), (0, 4, True)])[0] == [[], [], [1], [1]]


def test_the_newest_are_kept_and_all_are_counted() -> None:
    rows, counts = histories([(0, time, True) for time in range(5)], max_length=2)
    assert rows == [[], [0], [0, 1], [1, 2], [2, 3]]
    assert counts == [0, 1, 2, 3, 4]


def test_a_behaviour_is_known_only_after_the_delay() -> None:
    """At 15 the behaviour at 5 is exactly 10 old, which is not yet known: `5 + 10 < 15` does not hold."""
    events = [(0, 0, True), (0, 5, True), (0, 15, True), (0, 16, True)]
    assert histories(events, delay=10)[0] == [[], [], [0], [0, 1]]


def test_a_delay_does_not_reach_into_the_user_before() -> None:
    assert histories([(0, 0, True), (0, 100, True), (1, 1, True), (1, 2, True)], delay=50)[0] == [[], [0], [], []]


def test_no_events() -> None:
    empty = np.zeros(0, np.int64)
    built = build_histories(empty, empty, empty.astype(bool), 5, 0)
    assert built.flatten().tolist() == []
    assert built.offsets.tolist() == [0]


EVENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 12), st.booleans()), min_size=1, max_size=40)


@given(EVENTS, st.integers(1, 4), st.integers(0, 4))
def test_the_same_as_the_definition(events: list[tuple[int, int, bool]], max_length: int, delay: int) -> None:
    events = sorted(events, key=lambda event: event[:2])
    expected = []
    for user, time, _ in events:
        visible = [
            row
            for row, (other, at, behaviour) in enumerate(events)
            if other == user and behaviour and at + delay < time
        ]
        expected.append((visible[-max_length:], len(visible)))
    rows, counts = histories(events, max_length, delay)
    assert list(zip(rows, counts, strict=True)) == expected


def test_many_users_over_many_years() -> None:
    """A million users since 1970 in microseconds: numbers that would overflow if they were multiplied."""
    user = np.repeat(np.arange(1_000_000), 2)
    time = np.tile([0, 1_700_000_000_000_000], 1_000_000)
    built = build_histories(user, time, np.ones(len(user), bool), 50, 0)
    assert built.count.tolist() == [0, 1] * 1_000_000
    assert (built.stop - built.start == built.count).all()
