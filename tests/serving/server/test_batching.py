"""Requests that are run together are answered as if each had been alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import small_models

from serving.server.batching import Batcher
from serving.server.configuration import Batching
from serving.server.errors import ServingError
from serving.server.servable import Servable


class Counted(Servable):
    """Notes the shapes that it is run with."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.shapes: list[tuple[int, ...]] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def run(self, key: str, inputs: Any) -> Any:
        self.go_on.wait(20)
        self.shapes.append(next(iter(inputs.values())).shape)
        return super().run(key, inputs)


@pytest.fixture(scope="module")
def servable(tmp_path_factory: pytest.TempPathFactory) -> Counted:
    folder = small_models.write_scaled(tmp_path_factory.mktemp("scaled"), 3)
    return Counted("scaled", 3, str(folder))


@pytest.fixture
def batcher(servable: Counted) -> Any:
    made: list[Batcher] = []
    servable.shapes.clear()

    def make(**limits: Any) -> Batcher:
        made.append(Batcher(Batching(**limits)))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def together(batcher: Batcher, servable: Counted, parts: list[np.ndarray], key: str = "", name: str = "x") -> list[Any]:
    def ask(part: np.ndarray) -> Any:
        try:
            return batcher.run(servable, key, {name: part})
        except ServingError as error:
            return error

    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(ask, parts))


def test_each_gets_its_own_rows(batcher: Callable[..., Batcher], servable: Counted) -> None:
    parts = [np.float32(range(start, start + rows)) for start, rows in ((0, 1), (10, 3), (20, 2))]
    answers = together(batcher(max_batch_size=6, batch_timeout_micros=10_000_000), servable, parts)
    assert [answer["y"].tolist() for answer in answers] == [(3 * part).tolist() for part in parts]
    assert servable.shapes == [(6,)]  # full, so it did not wait for the ten seconds


def test_a_batch_waits_no_longer_than_it_may(batcher: Callable[..., Batcher], servable: Counted) -> None:
    (answer,) = together(batcher(max_batch_size=100, batch_timeout_micros=1000), servable, [np.float32([1])])
    assert answer["y"].tolist() == [3.0]


def test_a_batch_is_filled_up_to_an_allowed_size(batcher: Callable[..., Batcher], servable: Counted) -> None:
    made = batcher(max_batch_size=8, allowed_batch_sizes=(4, 8))
    (answer,) = together(made, servable, [np.float32([1, 2, 3])])
    assert answer["y"].tolist() == [3.0, 6.0, 9.0]
    assert servable.shapes == [(4,)]


def test_one_bad_request_costs_the_others_nothing(batcher: Callable[..., Batcher], servable: Counted) -> None:
    parts = [np.float32([1]), np.float32([-1]), np.float32([2])]
    made = batcher(max_batch_size=3, batch_timeout_micros=10_000_000)
    good, bad, other = together(made, servable, parts, "fails")
    assert (good["y"].tolist(), other["y"].tolist()) == ([1.0], [2.0])
    assert bad.code == grpc.StatusCode.INVALID_ARGUMENT
    assert "`x` should not be negative" in bad.message
    assert servable.shapes == [(3,), (1,), (1,), (1,)]


def texts(rows: int, columns: int) -> np.ndarray:
    found = np.empty((rows, columns), object)
    found[:] = b"ab"
    return found


def test_what_differs_in_another_axis_is_not_joined(batcher: Callable[..., Batcher], servable: Counted) -> None:
    parts = [texts(1, 2), texts(1, 3), texts(2, 2)]
    answers = together(batcher(max_batch_size=3, batch_timeout_micros=200_000), servable, parts, "lengths", "texts")
    assert [answer["lengths"].shape for answer in answers] == [(1, 2), (1, 3), (2, 2)]
    assert sorted(servable.shapes) == [(1, 3), (3, 2)]


def test_unless_it_is_to_be_filled_up_with_the_first_value(batcher: Callable[..., Batcher], servable: Counted) -> None:
    made = batcher(max_batch_size=2, batch_timeout_micros=10_000_000, pad_variable_length_inputs=True)
    answers = together(made, servable, [texts(1, 2), texts(1, 3)], "lengths", "texts")
    assert servable.shapes == [(2, 3)]
    assert [answer["lengths"].tolist() for answer in answers] == [[[2, 2, 2]], [[2, 2, 2]]]


def test_too_large_a_request_and_too_long_a_queue_are_refused(
    batcher: Callable[..., Batcher], servable: Counted
) -> None:
    made = batcher(max_batch_size=2, max_enqueued_batches=1, num_batch_threads=1)
    (answer,) = together(made, servable, [np.float32([1, 2, 3])])
    assert answer.code == grpc.StatusCode.INVALID_ARGUMENT
    assert "at most 2 (`max_batch_size`), received 3" in answer.message
    servable.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(made.run, servable, "", {"x": np.float32([1, 1])})
        while made._full or made._open:  # until the one thread has it
            pass
        with ThreadPoolExecutor(1) as other:
            waiting = other.submit(made.run, servable, "", {"x": np.float32([2, 2])})
            while not made._full:
                pass
            with pytest.raises(ServingError, match="the queue is full: 1 batches wait") as raised:
                made.run(servable, "", {"x": np.float32([3, 3])})
            servable.go_on.set()
            assert (running.result()["y"].tolist(), waiting.result()["y"].tolist()) == ([3.0, 3.0], [6.0, 6.0])
    assert raised.value.code == grpc.StatusCode.UNAVAILABLE


def test_over_a_socket(tmp_path: Path) -> None:
    small_models.write_scaled(tmp_path, 2)
    batching = Batching(max_batch_size=8, batch_timeout_micros=2000, num_batch_threads=2)
    with (
        small_models.Server(small_models.options(tmp_path, batching=batching)) as server,
        small_models.Asking(server.port) as asking,
        ThreadPoolExecutor(8) as pool,
    ):
        answers = list(pool.map(lambda number: asking.scaled([number, 1.0]), range(64)))
    assert answers == [[2.0 * number, 2.0] for number in range(64)]
