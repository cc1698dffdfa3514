"""Padding and splitting of operations, on a server of models that describe themselves."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from interestflow.serving.client import Client, ClientError
from interestflow.serving.server.configuration import Batching
from tests.serving.client.described_models import CATALOGUE, LENGTH, NAME, RANKER, DescribedRanker, serve

USER = {"device": "tv", "hour": 3.0, "history_item": ["i1", "i2"], "history_age": [20, 10]}
LONG = USER | {"history_item": [f"i{step}" for step in range(9)], "history_age": list(range(9, 0, -1))}
CANDIDATES = [{"item": f"c{index}", "price": index, "tags": ["x", "y", "z"][:index]} for index in range(1, 13)]


def click(user: dict, candidate: dict) -> float:
    """Return the expected output of the model, computed independently."""

    def code(text: str) -> int:
        return int(tf.strings.to_hash_bucket_fast(text, 96)) + 1

    history = list(zip(user["history_item"], user["history_age"], strict=True))[-LENGTH:]
    tags = sum(code(tag) for tag in candidate["tags"][:2])
    return code(candidate["item"]) + candidate["price"] + tags + sum(code(item) * age for item, age in history)


def client(address: str, **options: Any) -> Client:
    return Client(address, NAME, timeout=60, **options)


def plain(address: str) -> Client:
    return client(address, padding=False)


def test_the_description_is_read_from_the_server(ranker: str) -> None:
    with client(ranker) as model_client:
        assert model_client.metadata().description == RANKER


@pytest.mark.parametrize("user", [USER, LONG, {"device": "tv"}, {}], ids=["short", "long", "cold", "empty"])
@pytest.mark.parametrize(("count", "columns"), [(1, 3), (3, 3), (4, 5), (5, 5)])
def test_histories_and_candidates_are_padded(ranker: str, user: dict, count: int, columns: int) -> None:
    with client(ranker) as padding, plain(ranker) as as_it_is:
        padded, expected = padding.rank(user, CANDIDATES[:count]), as_it_is.rank(user, CANDIDATES[:count])
    np.testing.assert_array_equal(padded.by_task["click"], expected.by_task["click"])
    assert len(set(padded.by_task["click"])) == count
    np.testing.assert_array_equal(padded.by_task["columns"], [columns] * count)
    np.testing.assert_array_equal(expected.by_task["columns"], [count] * count)
    np.testing.assert_array_equal(padded.by_task["sized"], [columns] * count)
    np.testing.assert_array_equal(expected.by_task["sized"], [0] * count)
    np.testing.assert_array_equal(padded.by_task["steps"], [LENGTH] * count)
    np.testing.assert_array_equal(expected.by_task["steps"], [len(user.get("history_item", ()))] * count)
    np.testing.assert_array_equal(padded.by_task["tags"], [2] * count)
    assert padded.candidates == expected.candidates == tuple(row["item"] for row in CANDIDATES[:count])


def test_more_candidates_than_the_largest_size_are_split(ranker: str) -> None:
    with client(ranker) as padding, plain(ranker) as as_it_is:
        padded, expected = padding.rank(USER, CANDIDATES), as_it_is.rank(USER, CANDIDATES)
    np.testing.assert_array_equal(padded.by_task["click"], expected.by_task["click"])
    np.testing.assert_array_equal(padded.by_task["columns"], [5] * 10 + [3] * 2)
    np.testing.assert_array_equal(padded.by_task["sized"], [5] * 10 + [3] * 2)
    np.testing.assert_array_equal(expected.by_task["columns"], [12] * 12)
    assert padded.best(1) == expected.best(1)


def test_more_rows_than_the_most_are_split(ranker: str) -> None:
    rows = [{**USER, **candidate} for candidate in CANDIDATES[:10]] + [LONG | {"item": "c1"}]
    with client(ranker) as padding, plain(ranker) as as_it_is:
        padded, expected = padding.score(rows), as_it_is.score(rows)
    np.testing.assert_array_equal(padded.by_task["click"], expected.by_task["click"])
    np.testing.assert_array_equal(padded.by_task["rows"], [4] * 8 + [3] * 3)
    np.testing.assert_array_equal(padded.by_task["steps"], [LENGTH] * 11)
    # Without padding the rows are split all the same, and the lists of each request are as long as its longest.
    np.testing.assert_array_equal(expected.by_task["rows"], [4] * 8 + [3] * 3)
    np.testing.assert_array_equal(expected.by_task["steps"], [2] * 8 + [9] * 3)


def test_requests_of_any_size_meet_in_batches(tmp_path: Path) -> None:
    """A server that batches fails requests of unequal shapes, and padding leaves none."""
    DescribedRanker().write(tmp_path)
    histories = [{**USER, "history_item": ["i1"] * length, "history_age": [1] * length} for length in range(9)]
    queries = [(user, CANDIDATES[: 1 + position % 12]) for position, user in enumerate(histories * 12)]
    batching = Batching(max_batch_size=16, batch_timeout_micros=20_000, num_batch_threads=1, max_enqueued_batches=100)
    with (
        serve(tmp_path, batching=batching) as address,
        client(address) as model_client,
        ThreadPoolExecutor(12) as threads,
    ):
        rankings = list(threads.map(lambda query: model_client.rank(*query), queries))
        scores = list(threads.map(lambda query: model_client.score([{**query[0], **query[1][0]}] * 3), queries))
    for (user, candidates), ranking, scored in zip(queries, rankings, scores, strict=True):
        expected = [click(user, candidate) for candidate in candidates]
        np.testing.assert_array_equal(ranking.by_task["click"], expected)
        np.testing.assert_array_equal(scored.by_task["click"], [expected[0]] * 3)
    # Some requests did share a batch: a batch of `rank` has a row for each user.
    assert max(ranking.by_task["rows"].max() for ranking in rankings) > 1


def test_a_ranking_equals_the_scores_of_its_rows(ranker: str) -> None:
    with client(ranker) as model_client:
        ranking = model_client.rank(LONG, CANDIDATES)
        scores = model_client.score([{**LONG, **candidate} for candidate in CANDIDATES])
    np.testing.assert_array_equal(ranking.by_task["click"], scores.by_task["click"])


def test_what_is_empty_is_answered_without_asking(ranker: str) -> None:
    with client(ranker) as model_client:
        scores, ranking = model_client.score([]), model_client.rank(USER, [])
        assert scores.by_task.keys() == {"click", "columns", "rows", "steps", "tags"}
        assert ranking.by_task.keys() == {*scores.by_task, "sized"}
        for by_task in (scores.by_task, ranking.by_task):
            for values in by_task.values():
                assert (values.shape, values.dtype) == ((0,), np.float32)
        assert ranking.best() == []
        assert scores.version == ranking.version == 1
        with pytest.raises(ClientError, match="the user has colour"):
            model_client.rank({"colour": "red"}, [])


def test_missing_features_are_named(ranker: str, matcher: str) -> None:
    with client(ranker) as model_client:
        assert model_client.rank(USER, CANDIDATES).missing == ()
        assert model_client.rank({}, CANDIDATES).missing == ("hour", "device")
        assert model_client.rank(USER | {"hour": math.nan}, CANDIDATES).missing == ("hour",)
        assert model_client.rank(USER | {"device": ""}, [*CANDIDATES, {"item": "c0"}]).missing == ("device", "price")
        assert model_client.score([{**USER, **CANDIDATES[0]}, {}]).missing == ("hour", "device", "item", "price")
        assert model_client.score([]).missing == ()
    with client(ranker, padding=False) as model_client:
        assert model_client.rank({}, CANDIDATES).missing == ("hour", "device")
    with client(matcher) as model_client:
        assert model_client.retrieve({}, 3).missing == ("device",)
        assert model_client.retrieve({}, 0).missing == ("device",)
        assert model_client.encode_user([{"device": "tv"}, {}]).missing == ("device",)
        assert model_client.encode_items(["i1"]).missing == ()


def test_missing_features_are_refused_where_they_are_required(ranker: str, matcher: str) -> None:
    with client(ranker, require_features=True) as model_client:
        assert model_client.rank(USER, CANDIDATES).version == 1
        with pytest.raises(ClientError, match=r"^the request lacks hour, which every training example had$"):
            model_client.rank(USER | {"hour": None}, CANDIDATES)
        with pytest.raises(ClientError, match=r"^the request lacks item, price, which every training example had$"):
            model_client.score([USER])
        with pytest.raises(ClientError, match=r"^the request lacks hour, device, which"):
            model_client.rank({}, [])
    with client(matcher, require_features=True) as model_client:
        with pytest.raises(ClientError, match=r"^the request lacks device"):
            model_client.retrieve({}, 3)
        with pytest.raises(ClientError, match=r"^the request lacks device"):
            model_client.encode_user([{}])


def test_features_cannot_be_required_of_a_model_that_names_none(tmp_path: Path) -> None:
    DescribedRanker(description=None).write(tmp_path)
    says = f"^`require_features` needs a model that says which features training always had; version 1 of {NAME}"
    with serve(tmp_path) as address:
        with client(address, require_features=True) as model_client, pytest.raises(ClientError, match=says):
            model_client.rank(USER, CANDIDATES)
        with client(address) as model_client:
            assert model_client.rank({}, CANDIDATES).missing == ()


def test_a_new_version_of_another_length_is_padded_to_its_own(tmp_path: Path) -> None:
    DescribedRanker().write(tmp_path)
    with serve(tmp_path) as address, client(address) as model_client:
        assert set(model_client.rank(LONG, CANDIDATES).by_task["steps"]) == {LENGTH}
        lengths = {**RANKER.lengths, "history_item": 6, "history_age": 6}
        DescribedRanker(2, replace(RANKER, lengths=lengths, candidate_sizes=(12,)), extra="minute").write(tmp_path)
        new = USER | {"minute": 1.0}
        del new["hour"]
        while model_client.status().get(2) != "AVAILABLE":
            time.sleep(0.05)
        ranking = model_client.rank(new, CANDIDATES)
        assert ranking.version == 2
        assert set(ranking.by_task["steps"]) == {6}
        assert set(ranking.by_task["columns"]) == {12}


def test_items_of_the_part_that_is_cut_off_are_not_retrieved(matcher: str) -> None:
    # The newest four steps are i4, i5, i5 and i6; i0 to i3 are too old to be sent.
    user = {"device": "tv", "history_item": ["i0", "i1", "i2", "i2", "i3", "i4", "i5", "i5", "i6"]}
    with client(matcher) as model_client, plain(matcher) as as_it_is:
        for count in (1, 3, 10, 33, 50):
            retrieved, expected = model_client.retrieve(user, count), as_it_is.retrieve(user, count)
            assert retrieved.items == CATALOGUE[7 : 7 + count]
            assert retrieved.items == expected.items
            np.testing.assert_array_equal(retrieved.scores, np.arange(33.0, max(33 - count, 0), -1))
            np.testing.assert_array_equal(retrieved.scores, expected.scores)


def test_columns_beyond_the_count_are_cut_off(matcher: str) -> None:
    # The model answers three more columns than were asked for, as in a batch with a request for more.
    with client(matcher) as model_client:
        retrieved = model_client.retrieve({"device": "tv"}, 2)
        assert retrieved.items == ("i0", "i1")
        assert retrieved.scores.shape == (2,)


def test_no_items_are_retrieved_without_asking(matcher: str) -> None:
    with client(matcher) as model_client:
        retrieved = model_client.retrieve({"device": "tv"}, 0)
        assert (retrieved.items, retrieved.version) == ((), 1)
        assert (retrieved.scores.shape, retrieved.scores.dtype) == ((0,), np.float32)
        with pytest.raises(ClientError, match="the user has colour"):
            model_client.retrieve({"colour": "red"}, 0)
        assert model_client.retrieve({"device": "tv"}, np.int64(2)).items == ("i0", "i1")
        for wrong, shown in ((-1, "-1"), (1.5, "1.5"), (True, "True"), ("2", "'2'"), (None, "None")):
            with pytest.raises(ClientError, match=f"^`count` should be a whole number from 0 on, received {shown}$"):
                model_client.retrieve({"device": "tv"}, wrong)


def test_vectors_are_padded_and_split(matcher: str) -> None:
    users = [
        {"device": f"d{position}", "history_item": ["i1"] * position, "history_age": [1] * position}
        for position in range(9)
    ]
    items = [{"item": f"i{position}", "tags": list("xyz")[:position]} for position in range(9)]
    with client(matcher) as model_client, plain(matcher) as as_it_is:
        encoded, expected = model_client.encode_user(users), as_it_is.encode_user(users)
        assert encoded.vectors.shape == (9, 2, 3)
        np.testing.assert_array_equal(encoded.vectors[:, :, 0], expected.vectors[:, :, 0])
        np.testing.assert_array_equal(encoded.vectors[:, 0, 1], np.minimum(np.arange(9), LENGTH))
        np.testing.assert_array_equal(encoded.vectors[:, 0, 2], [LENGTH] * 9)
        np.testing.assert_array_equal(expected.vectors[:, 0, 2], [3] * 4 + [7] * 4 + [8])
        vectors = model_client.encode_items(items)
        assert (vectors.vectors.shape, vectors.version) == ((9, 3), 1)
        np.testing.assert_array_equal(model_client.encode_items(["i3", "i4"]).vectors[:, 0], vectors.vectors[3:5, 0])
        assert model_client.encode_items([]).vectors.shape == (0, 3)
        assert model_client.encode_user([]).vectors.shape == (0, 2, 3)


def test_a_signature_that_a_model_lacks_is_named(ranker: str, matcher: str) -> None:
    with client(ranker) as model_client:
        for ask in (
            lambda: model_client.retrieve({}, 1),
            lambda: model_client.encode_user([]),
            lambda: model_client.encode_items(["a"]),
        ):
            with pytest.raises(
                ClientError, match=r"the model has no signature .*; it has describe, predict, rank, rank_3, rank_5"
            ):
                ask()
    with client(matcher) as model_client, pytest.raises(ClientError, match="the model has no signature 'predict'"):
        model_client.score([])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda model_client: model_client.score({"item": "a"}), "`rows` should be a list, received {'item': 'a'}"),
        (lambda model_client: model_client.score(["a"]), "rows should be features by name, received 'a'"),
        (lambda model_client: model_client.rank("u1", ["a"]), "the user should be features by name, received 'u1'"),
        (lambda model_client: model_client.rank({}, "abc"), "`candidates` should be a list, received 'abc'"),
        (
            lambda model_client: model_client.retrieve(["i1"], 3),
            r"the user should be features by name, received \['i1'\]",
        ),
        (lambda model_client: model_client.encode_user({"device": "tv"}), "`users` should be a list"),
    ],
)
def test_what_is_no_row_is_named(ranker: str, call: Any, says: str) -> None:
    with client(ranker) as model_client, pytest.raises(ClientError, match=says):
        call(model_client)
