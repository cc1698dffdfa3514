"""Which of a user's earlier behaviours each event may know: those strictly before it, the newest of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Histories:
    """The histories of N events as ranges of one list of behaviours.

    The history of event n is `behaviours[start[n]:stop[n]]`, oldest first: indices of rows of the events. `count` says
    how many behaviours it would have without the maximum length.
    """

    behaviours: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    count: np.ndarray

    def of(self, events: np.ndarray) -> Histories:
        """The histories of these events, int64 [M]."""
        return Histories(self.behaviours, self.start[events], self.stop[events], self.count[events])

    @property
    def offsets(self) -> np.ndarray:
        """int64 [N + 1]: where each history begins in `flat()`."""
        return np.concatenate([[0], np.cumsum(self.stop - self.start)]).astype(np.int64)

    def flat(self) -> np.ndarray:
        """All histories one after another, as rows of the events."""
        lengths = self.stop - self.start
        offsets = np.cumsum(lengths) - lengths
        positions = np.arange(lengths.sum()) + np.repeat(self.start - offsets, lengths)
        return self.behaviours[positions]


def build_histories(
    user: np.ndarray, time: np.ndarray, is_behaviour: np.ndarray, max_length: int, delay: int
) -> Histories:
    """The histories of all events.

    Args:
        user: int [N], ascending: rows of one user are together.
        time: int64 [N] microseconds, ascending within a user.
        is_behaviour: bool [N], which events others may have in their history.
        max_length: of a history; the newest are kept.
        delay: microseconds until a behaviour is known. A behaviour is in the history of an event where
            `behaviour time + delay < event time`, so nothing simultaneous is.
    """
    rows = np.flatnonzero(is_behaviour)
    stop, begin = np.zeros(len(user), np.int64), np.zeros(len(user), np.int64)
    # One number orders by user, then time, so that one search answers for many users at once: for as many as fit,
    # since years in microseconds times all users need not fit into 64 bits.
    first = int(time.min()) if len(time) else 0
    span = int(time.max(initial=first)) - first + 2
    users = int(user.max(initial=-1)) + 1
    together = max(1, 2**62 // span)
    for lowest in range(0, users, together):
        events = slice(*np.searchsorted(user, (lowest, lowest + together)))
        behaviours = slice(*np.searchsorted(rows, (events.start, events.stop)))
        place = (user[events].astype(np.int64) - lowest) * span
        since = time[events] - first
        behaviour_key = (place + since)[rows[behaviours] - events.start]
        # Events in the first `delay` of their user's log would reach into the user before; the maximum keeps them home.
        stop[events] = np.searchsorted(behaviour_key, place + np.maximum(since - delay, 0)) + behaviours.start
        begin[events] = np.searchsorted(behaviour_key, place) + behaviours.start
    return Histories(rows, np.maximum(begin, stop - max_length), stop, stop - begin)
