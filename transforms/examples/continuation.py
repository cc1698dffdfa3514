"""What the examples of a user's later events need of the earlier ones, where a shard is cut between them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from interestflow.transforms.examples.negatives import NO_POSITIVES, UserPositives
from interestflow.transforms.feature_names import USER


@dataclass(frozen=True)
class Continuation:
    """The earlier events of a user, as far as the later ones have to know of them.

    Attributes:
        user: id of the user.
        events: behaviours that may be in a later history: the newest ones, and those that are not available yet.
        behaviours_before: number of behaviours before these.
        is_known: whether the user has an event in the training window.
        positives: items with a positive event of the user, whose index is 0; none unless negatives are sampled.
    """

    user: str
    events: pl.DataFrame
    behaviours_before: int
    is_known: bool
    positives: UserPositives

    def continues_into(self, events: pl.DataFrame) -> bool:
        """Return whether the first of the events is of the same user."""
        return events.height > 0 and events.item(0, USER) == self.user


NOTHING_EARLIER = Continuation("", pl.DataFrame(), 0, False, NO_POSITIVES)
"""What a slice has that begins with a user of its own."""
