"""The synchronous client, on a server of an exported ranker."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from interestflow.serving.client import Client, ClientError, ClientTLS, TensorInfo
from interestflow.serving.scorer import Scorer
from interestflow.serving.server.configuration import ServerOptions, one_model
from interestflow.serving.server.server import Server
from tests.serving import transformed
from tests.serving.client.described_models import NAME, DescribedRanker

USER = {"user": "u1", "history_item": ["i0", "東京"], "history_category": ["c0", "c1"], "history_age": [500, 20]}
CANDIDATES = [
    {"item": "i1", "category": "c1", "price": 0.5, "tags": ["t1"]},
    {"item": "é7", "category": "c0", "price": 1.5},
    {"item": "never seen"},
]


@pytest.fixture
def client(port: int) -> Iterator[Client]:
    with Client(f"127.0.0.1:{port}", "shop", timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def scorer(shop: Path) -> Scorer:
    return Scorer(shop / "1")


def test_ranking_is_what_the_model_gives_offline(client: Client, scorer: Scorer) -> None:
    ranking = client.rank(USER, CANDIDATES)
    expected = scorer.rank(USER, CANDIDATES)["click"]
    np.testing.assert_allclose(ranking.by_task["click"], expected, rtol=0, atol=1e-6)
    assert ranking.candidates == ("i1", "é7", "never seen")
    assert ranking.version == 1
    order = np.argsort(-expected)
    assert [item for item, _ in ranking.best()] == [CANDIDATES[position]["item"] for position in order]
    assert ranking.best(1, "click") == [(CANDIDATES[order[0]]["item"], pytest.approx(expected.max()))]


def test_padding_and_splitting_change_no_score(client: Client, port: int) -> None:
    users = [
        {},
        USER,
        {"user": "u2", "history_item": [f"i{step % 5}" for step in range(40)], "history_age": list(range(40, 0, -1))},
    ]
    candidates = [CANDIDATES[index % 3] | {"price": index / 7} for index in range(19)]
    with Client(f"127.0.0.1:{port}", "shop", timeout=60, padding=False) as plain:
        for user in users:
            for count in (1, 3, 4, 8, 9, 19):
                ranking, expected = client.rank(user, candidates[:count]), plain.rank(user, candidates[:count])
                np.testing.assert_allclose(ranking.by_task["click"], expected.by_task["click"], rtol=0, atol=1e-6)
        rows = [{**user, **candidate} for user in users for candidate in candidates]
        scores, expected_scores = client.score(rows), plain.score(rows)
        np.testing.assert_allclose(scores.by_task["click"], expected_scores.by_task["click"], rtol=0, atol=1e-6)


def test_ids_alone_are_candidates_too(client: Client) -> None:
    by_id = client.rank(USER, ["i1", "i2"]).by_task["click"]
    np.testing.assert_array_equal(by_id, client.rank(USER, [{"item": "i1"}, {"item": "i2"}]).by_task["click"])
    assert client.rank(USER, []).best() == []


def test_arrays_will_do_for_lists(client: Client) -> None:
    user = USER | {"history_item": np.array(["i0", "東京"]), "history_age": np.array([500, 20])}
    scores = client.rank(user, CANDIDATES).by_task["click"]
    np.testing.assert_array_equal(scores, client.rank(USER, CANDIDATES).by_task["click"])


def test_rows_are_scored(client: Client, scorer: Scorer) -> None:
    rows = [*transformed.rows(), {}, {"user": "?", "item": "nor this", "price": None}]
    expected = scorer.score(rows)["click"]
    scores = client.score(rows)
    np.testing.assert_allclose(scores.by_task["click"], expected, rtol=0, atol=1e-6)
    assert scores.missing == ("item", "user")


def test_what_the_model_takes(client: Client) -> None:
    metadata = client.metadata()
    assert metadata.version == 1
    assert set(metadata.signatures) == {"serving_default", "predict", "rank", "rank_4", "rank_8", "describe"}
    assert metadata.signature("rank").inputs["item"] == TensorInfo("string", (None, None))
    assert metadata.signature("rank").outputs == {"click": TensorInfo("float32", (None, None))}
    assert metadata.candidate_inputs() == {"item", "category", "price", "tags"}
    assert metadata.description is not None
    assert metadata.description.candidate_sizes == (4, 8)


def test_status_and_health(client: Client) -> None:
    assert client.status() == {1: "AVAILABLE"}
    assert client.is_healthy()


@pytest.mark.parametrize(
    ("user", "candidates", "says"),
    [
        (USER | {"colour": "red"}, ["i1"], "the user has colour; the model knows history_age"),
        (USER, [{"item": "i1", "user": "u1"}], "candidates have user; the model knows category, item, price, tags"),
        (USER, [{"category": "c1"}], "candidate 0 should have an `item`"),
        (USER | {"user": ["a", "b"]}, ["i1"], "`user` should be one value, received ['a', 'b']"),
        (USER | {"history_age": [5]}, ["i1"], "`history_age` should have as many values as `history_item`"),
        (USER | {"history_age": [5, "old"]}, ["i1"], "`history_age` should be int64, received 'old'"),
        (USER, [{"item": "i1", "price": "cheap"}], "`price` should be float32, received 'cheap'"),
    ],
)  # fmt: skip
def test_what_the_model_does_not_take_is_named(client: Client, user: dict, candidates: list, says: str) -> None:
    with pytest.raises(ClientError) as raised:
        client.rank(user, candidates)
    assert says in str(raised.value)


def test_what_is_not_there_is_named(port: int) -> None:
    with Client(f"127.0.0.1:{port}", "nobody") as client, pytest.raises(ClientError, match="Latest") as raised:
        client.rank(USER, CANDIDATES)
    assert raised.value.code == grpc.StatusCode.NOT_FOUND
    says = "the model has no signature 'retrieve'; it has describe, predict, rank"
    with Client(f"127.0.0.1:{port}", "shop") as client, pytest.raises(ClientError, match=says):
        client.retrieve(USER, 3)
    with Client(f"127.0.0.1:{port}", "shop", version=7) as client, pytest.raises(ClientError, match="shop, 7"):
        client.metadata()
    with Client(f"127.0.0.1:{port}", "shop") as client:
        with pytest.raises(ClientError, match=r'Serving signature key "no such" not found.') as raised:
            client.run("no such", {"x": np.zeros(1, np.float32)})
        assert raised.value.code == grpc.StatusCode.FAILED_PRECONDITION
        with pytest.raises(ClientError, match="`task` should be one of click, received 'buy'"):
            client.rank(USER, CANDIDATES).best(1, "buy")


def free_port() -> int:
    with socket.socket() as busy_socket:
        busy_socket.bind(("127.0.0.1", 0))
        return int(busy_socket.getsockname()[1])


def test_nobody_there_is_one_sentence() -> None:
    address = f"127.0.0.1:{free_port()}"
    says = f"the server at {address} is not available"
    with Client(address, "shop", timeout=2, retries=1) as client, pytest.raises(ClientError, match=says):
        client.status()


def test_a_server_that_starts_late_is_asked_again(tmp_path: Path) -> None:
    DescribedRanker().write(tmp_path)
    late = free_port()
    server = Server(ServerOptions(one_model(NAME, str(tmp_path)), port=late, poll_seconds=0))
    starting = threading.Timer(0.5, server.start)
    starting.start()
    with Client(f"127.0.0.1:{late}", NAME, timeout=30, retries=30) as client:
        assert client.rank({"device": "tv"}, ["i1", "i2"]).version == 1
    starting.join()
    server.stop(1.0)


def test_time_is_the_limit_of_all_attempts_together() -> None:
    with Client(f"127.0.0.1:{free_port()}", "shop", timeout=0.4, retries=100) as client:
        began = time.monotonic()
        with pytest.raises(ClientError):
            client.status()
    assert time.monotonic() - began < 2.0  # a hundred attempts would take longer


def test_a_new_version_is_asked_as_it_wants_to_be(tmp_path: Path) -> None:
    base, user, candidates = tmp_path / NAME, {"device": "tv"}, ["i1", "i2"]
    DescribedRanker().write(base)
    with (
        Server(ServerOptions(one_model(NAME, str(base)), poll_seconds=0.05)) as server,
        Client(f"127.0.0.1:{server.port}", NAME, timeout=60) as client,
    ):
        assert client.rank(user, candidates).version == 1
        shutil.copytree(base / "1", base / "coming")
        (base / "coming").rename(base / "2")
        end = time.monotonic() + 120
        while client.rank(user, candidates).version == 1 and time.monotonic() < end:
            time.sleep(0.05)
        assert client.rank(user, candidates).version == 2
        assert client.metadata().version == 2


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "ca.crt")
    with pytest.raises(ClientError, match=f"{missing} cannot be read: No such file or directory"):
        Client("localhost:1", "shop", tls=ClientTLS(missing))
    with pytest.raises(ClientError, match="a client's certificate and its key should be given together"):
        Client("localhost:1", "shop", tls=ClientTLS(certificate=missing))
