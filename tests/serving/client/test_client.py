"""The client, blocking and awaited, on a real server of an exported ranker."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import keras
import numpy as np
import pytest
import transformed
from every_input import EveryInput

from serving.client import Client
from serving.client.async_client import AsyncClient
from serving.client.messages import ClientError, Tensor
from serving.export import export
from serving.load import Scorer
from serving.server.configuration import ServerOptions, one_model
from serving.server.server import Server

USER = {"user": "u1", "history_item": ["i0", "東京"], "history_category": ["c0", "c1"], "history_age": [500, 20]}
CANDIDATES = [
    {"item": "i1", "category": "c1", "price": 0.5, "tags": ["t1"]},
    {"item": "é7", "category": "c0", "price": 1.5},
    {"item": "never seen"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = transformed.make(tmp_path_factory.mktemp("transform"))
    inputs = transformed.inputs(output)
    keras.utils.set_random_seed(1)
    base = tmp_path_factory.mktemp("models") / "shop"
    export(EveryInput(inputs), output, transformed.RAW_SPEC, inputs, str(base / "1"), {"fingerprint": "abc"})
    return base


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    with Server(ServerOptions(one_model("shop", str(folder)), poll_seconds=0.1)) as server:
        yield server.port


@pytest.fixture
def client(port: int) -> Iterator[Client]:
    with Client(f"127.0.0.1:{port}", "shop", timeout=20) as client:
        yield client


def test_ranking_is_what_the_model_gives_offline(client: Client, folder: Path) -> None:
    ranking = client.rank(USER, CANDIDATES)
    expected = Scorer(folder / "1").rank(USER, CANDIDATES)["click"]
    np.testing.assert_allclose(ranking.by_task["click"], expected, rtol=0, atol=1e-6)
    assert ranking.candidates == ("i1", "é7", "never seen")
    assert ranking.version == 1
    order = np.argsort(-expected)
    assert [item for item, _ in ranking.best()] == [CANDIDATES[place]["item"] for place in order]
    assert ranking.best(1, "click") == [(CANDIDATES[order[0]]["item"], pytest.approx(expected.max()))]


def test_ids_alone_are_candidates_too(client: Client) -> None:
    by_id = client.rank(USER, ["i1", "i2"]).by_task["click"]
    np.testing.assert_array_equal(by_id, client.rank(USER, [{"item": "i1"}, {"item": "i2"}]).by_task["click"])
    assert client.rank(USER, []).best() == []


def test_arrays_will_do_for_lists(client: Client) -> None:
    user = USER | {"history_item": np.array(["i0", "東京"]), "history_age": np.array([500, 20])}
    found = client.rank(user, CANDIDATES).by_task["click"]
    np.testing.assert_array_equal(found, client.rank(USER, CANDIDATES).by_task["click"])


def test_rows_are_scored(client: Client, folder: Path) -> None:
    rows = [*transformed.rows(), {}, {"user": "?", "item": "nor this", "price": None}]
    expected = Scorer(folder / "1").score(rows)["click"]
    np.testing.assert_allclose(client.score(rows).by_task["click"], expected, rtol=0, atol=1e-6)


def test_what_the_model_takes(client: Client) -> None:
    metadata = client.metadata()
    assert metadata.version == 1
    assert set(metadata.signatures) == {"serving_default", "predict", "rank"}
    assert metadata.signature("rank").inputs["item"] == Tensor("string", (None, None))
    assert metadata.signature("rank").outputs == {"click": Tensor("float32", (None, None))}
    assert metadata.of_candidates() == {"item", "category", "price", "tags"}


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
    says = "the model has no signature 'retrieve'; it has predict, rank"
    with Client(f"127.0.0.1:{port}", "shop") as client, pytest.raises(ClientError, match=says):
        client.retrieve(USER, 3)
    with Client(f"127.0.0.1:{port}", "shop", version=7) as client, pytest.raises(ClientError, match="shop, 7"):
        client.metadata()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_nobody_there_is_one_sentence() -> None:
    address = f"127.0.0.1:{free_port()}"
    says = f"the server at {address} is not available"
    with Client(address, "shop", timeout=2, retries=1) as client, pytest.raises(ClientError, match=says):
        client.status()


def test_a_server_that_starts_late_is_asked_again(folder: Path) -> None:
    late = free_port()
    server = Server(ServerOptions(one_model("shop", str(folder)), port=late, poll_seconds=0))
    starting = threading.Timer(0.5, server.start)
    starting.start()
    with Client(f"127.0.0.1:{late}", "shop", timeout=30, retries=30) as client:
        assert client.rank(USER, CANDIDATES).version == 1
    starting.join()
    server.stop(1.0)


def test_time_is_the_limit_of_all_attempts_together() -> None:
    with Client(f"127.0.0.1:{free_port()}", "shop", timeout=0.4, retries=100) as client:
        began = time.monotonic()
        with pytest.raises(ClientError):
            client.status()
    assert time.monotonic() - began < 2.0  # a hundred attempts would take longer


def test_a_new_version_is_asked_as_it_wants_to_be(folder: Path, tmp_path: Path) -> None:
    base = tmp_path / "shop"
    shutil.copytree(folder / "1", base / "1")
    with (
        Server(ServerOptions(one_model("shop", str(base)), poll_seconds=0.05)) as server,
        Client(f"127.0.0.1:{server.port}", "shop", timeout=20) as client,
    ):
        assert client.rank(USER, CANDIDATES).version == 1
        shutil.copytree(folder / "1", base / "coming")
        (base / "coming").rename(base / "2")
        end = time.monotonic() + 20
        while client.rank(USER, CANDIDATES).version == 1 and time.monotonic() < end:
            time.sleep(0.05)
        assert client.rank(USER, CANDIDATES).version == 2
        assert client.metadata().version == 2


def test_awaited_it_is_the_same(port: int, client: Client) -> None:
    async def ask() -> None:
        async with AsyncClient(f"127.0.0.1:{port}", "shop", timeout=20) as awaited:
            rankings = await asyncio.gather(*(awaited.rank(USER, CANDIDATES) for _ in range(5)))
            expected = client.rank(USER, CANDIDATES).by_task["click"]
            for ranking in rankings:
                np.testing.assert_array_equal(ranking.by_task["click"], expected)
            assert await awaited.status() == {1: "AVAILABLE"}
            assert await awaited.is_healthy()
            assert await awaited.metadata() == client.metadata()
            rows = transformed.rows()
            np.testing.assert_array_equal(
                (await awaited.score(rows)).by_task["click"], client.score(rows).by_task["click"]
            )
            with pytest.raises(ClientError, match="the user has colour"):
                await awaited.rank({"colour": "red"}, ["i1"])
        async with AsyncClient(f"127.0.0.1:{free_port()}", "shop", timeout=1, retries=1) as nobody:
            with pytest.raises(ClientError, match="is not available"):
                await nobody.status()

    asyncio.run(ask())


def test_the_questions_of_the_command_line(port: int, tmp_path: Path) -> None:
    from rich.console import Console

    from pipeline.query import ask

    def answer(question: object) -> str:
        (tmp_path / "question.json").write_text(json.dumps(question))
        console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
        console.print(ask(f"127.0.0.1:{port}", "shop", tmp_path / "question.json", 2, None, None, 20.0, None))
        return console.export_text()

    ranked = answer({"user": USER, "candidates": CANDIDATES})
    assert "shop, version 1" in ranked
    assert len([line for line in ranked.splitlines() if "│" in line]) == 2
    assert "click" in answer([{"item": "i1"}, {}])
    for wrong in ({"rows": []}, {"user": 3}, "text"):
        with pytest.raises(ClientError, match="should hold a list of rows"):
            answer(wrong)
