"""Ranking of a shard's queries; `test_matchers.py` compares whole evaluations with a plain search."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import tests.pipeline.support.exported_matchers as small
from interestflow.pipeline.evaluation.matchers import query_ranker, shards_of
from interestflow.pipeline.evaluation.query_ranker import QueryRanker, is_head

ROWS = small.make_rows(users=4)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write(ROWS, tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="module")
def ranker(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> QueryRanker:
    model = small.export_matcher(tmp_path_factory.mktemp("model") / "matcher")
    return query_ranker(small.config(), str(model), str(examples), ())


def test_the_head_is_the_most_popular_fifth_and_of_equal_items_the_first() -> None:
    assert np.flatnonzero(is_head(np.array([1, 5, 2, 5, 5, 0, 0, 0, 0, 0]))).tolist() == [1, 3]


def test_shards_have_their_earlier_files_and_their_test_file(examples: Path) -> None:
    shards = shards_of(str(examples))
    assert len(shards) == 2
    for earlier, test in shards:
        assert [Path(file).parent.name for file in earlier] == ["Split-train", "Split-validation"]
        assert test is not None
        assert Path(test).parent.name == "Split-test"


def test_counts_are_of_training_positives(ranker: QueryRanker, examples: Path) -> None:
    counts = sum(ranker.counts(earlier) for earlier, _ in shards_of(str(examples)))
    expected = Counter(row["item"] for row in ROWS["train"] if row["label_click"])
    assert counts.tolist() == [expected[f"i{index}"] for index in range(small.ITEMS)]


def test_every_positive_is_a_query_or_repeated_and_both_rankings_have_the_same_queries(
    ranker: QueryRanker, examples: Path
) -> None:
    counts = np.arange(small.ITEMS)
    positives = sum(row["label_click"] for row in ROWS["test"])
    total = 0
    for earlier, test in shards_of(str(examples)):
        assert test is not None
        by_model, by_popularity = ranker.rank(earlier, test, counts)
        total += len(by_model.ranks) + by_model.repeated
        np.testing.assert_array_equal(by_model.users, by_popularity.users)
        assert by_model.lists.shape == (len(by_model.ranks), 50)
        # The most popular item that a user has not seen comes first, and lists end where the candidates do.
        assert (by_popularity.lists[:, 0] == by_popularity.lists.max(axis=1)).all()
        assert (by_popularity.lists[:, small.ITEMS :] == -1).all()
    assert total == positives
