"""Ranked queries of several shards, concatenated."""

from __future__ import annotations

import numpy as np

from interestflow.pipeline.evaluation.ranked_queries import RankedQueries


def shard(users: list[int], rank: int, repeated: int) -> RankedQueries:
    rows = np.arange(len(users))
    values = np.array([f"value {rank}"] * len(users), object)
    ranks = np.full(len(users), rank)
    return RankedQueries(
        np.array(users, int), ranks, np.full((len(users), 2), rank), repeated, {"user": (rows, values)}
    )


def test_users_and_rows_of_later_shards_count_on() -> None:
    queries = RankedQueries.concatenate([shard([0, 0, 1], 5, 1), shard([], 6, 0), shard([0, 2], 7, 2)])
    assert queries.users.tolist() == [0, 0, 1, 2, 4]
    assert queries.ranks.tolist() == [5, 5, 5, 7, 7]
    assert queries.lists[:, 0].tolist() == [5, 5, 5, 7, 7]
    assert queries.repeated == 3
    rows, values = queries.slices["user"]
    assert rows.tolist() == [0, 1, 2, 3, 4]
    assert values.tolist() == ["value 5"] * 3 + ["value 7"] * 2
