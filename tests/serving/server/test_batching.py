"""Batched requests each get their own rows, and all fail if one of them does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from interestflow.serving.server.batching import Batcher, UnbatchedRunner
from interestflow.serving.server.configuration import Batching
from interestflow.serving.server.errors import ServingError
from interestflow.serving.server.servable import Servable
from tests.serving.server import small_models
from tests.serving.server.checks import eventually

LONG_MICROS = 10_000_000
"""A wait that no test can afford: a batch that runs was full."""


class Observed(Servable):
    """Notes the shapes and outputs that it is run with, and runs only while `may_run` is set."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.shapes: list[tuple[int, ...]] = []
        self.outputs_run: list[tuple[str, ...]] = []
        self.may_run = threading.Event()
        self.may_run.set()

    def run(self, key: str, inputs: Any, outputs: Any = None) -> Any:
        self.may_run.wait(20)
        self.shapes.append(next(iter(inputs.values())).shape)
        self.outputs_run.append(tuple(outputs or ()))
        return super().run(key, inputs, outputs)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    folder = small_models.write_scaled(tmp_path_factory.mktemp("scaled"), 3)
    return Observed("scaled", 3, str(folder))


@pytest.fixture
def servable(model: Observed) -> Observed:
    model.shapes.clear()
    model.outputs_run.clear()
    return model


@pytest.fixture
def make_batcher() -> Iterator[Callable[..., Batcher]]:
    batchers: list[Batcher] = []

    def make(**limits: Any) -> Batcher:
        batchers.append(Batcher(Batching(**limits)))
        return batchers[-1]

    yield make
    for batcher in batchers:
        batcher.stop()


def run_together(
    batcher: Batcher, servable: Servable, parts: list[np.ndarray], key: str = "", name: str = "x"
) -> list[Any]:
    """Return answers, or errors, of requests that are sent at once."""

    def ask(part: np.ndarray) -> Any:
        try:
            return batcher.run(servable, key, {name: part})
        except ServingError as error:
            return error

    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(ask, parts))


def text(rows: int, columns: int) -> np.ndarray:
    return np.full((rows, columns), b"ab", object)


def test_each_gets_its_own_rows(make_batcher: Callable[..., Batcher], servable: Observed) -> None:
    parts = [np.float32(range(start, start + rows)) for start, rows in ((0, 1), (10, 3), (20, 2))]
    answers = run_together(make_batcher(max_batch_size=6, batch_timeout_micros=LONG_MICROS), servable, parts)
    assert [answer["y"].tolist() for answer in answers] == [(3 * part).tolist() for part in parts]
    assert servable.shapes == [(6,)]


def test_a_batch_waits_no_longer_than_it_may(make_batcher: Callable[..., Batcher], servable: Observed) -> None:
    batcher = make_batcher(max_batch_size=100, batch_timeout_micros=1000)
    assert batcher.run(servable, "", {"x": np.float32([1])})["y"].tolist() == [3.0]


def test_a_batch_is_filled_up_to_an_allowed_size(make_batcher: Callable[..., Batcher], servable: Observed) -> None:
    batcher = make_batcher(max_batch_size=8, allowed_batch_sizes=(4, 8))
    assert batcher.run(servable, "", {"x": np.float32([1, 2, 3])})["y"].tolist() == [3.0, 6.0, 9.0]
    assert servable.shapes == [(4,)]


def test_one_request_that_the_graph_refuses_fails_its_batch(
    make_batcher: Callable[..., Batcher], servable: Observed
) -> None:
    parts = [np.float32([1]), np.float32([-1]), np.float32([2])]
    batcher = make_batcher(max_batch_size=3, batch_timeout_micros=LONG_MICROS)
    for error in run_together(batcher, servable, parts, "fails"):
        assert error.code == grpc.StatusCode.INVALID_ARGUMENT
        assert "`x` should not be negative" in error.message
    assert servable.shapes == [(3,)]


def test_unequal_shapes_fail_the_batch(make_batcher: Callable[..., Batcher], servable: Observed) -> None:
    batcher = make_batcher(max_batch_size=2, batch_timeout_micros=LONG_MICROS)
    for error in run_together(batcher, servable, [text(1, 2), text(1, 3)], "lengths", "texts"):
        assert error.code == grpc.StatusCode.FAILED_PRECONDITION
        assert "Tensors with name 'lengths_texts:0' from different tasks have different shapes" in error.message
    assert servable.shapes == []


def test_unequal_shapes_are_padded_if_that_is_asked_for(
    make_batcher: Callable[..., Batcher], servable: Observed
) -> None:
    batcher = make_batcher(max_batch_size=2, batch_timeout_micros=LONG_MICROS, pad_variable_length_inputs=True)
    answers = run_together(batcher, servable, [text(1, 2), text(1, 3)], "lengths", "texts")
    assert servable.shapes == [(2, 3)]
    assert [answer["lengths"].tolist() for answer in answers] == [[[2, 2, 2]], [[2, 2, 2]]]


def test_requests_for_other_outputs_do_not_meet(make_batcher: Callable[..., Batcher], servable: Observed) -> None:
    batcher = make_batcher(max_batch_size=4, batch_timeout_micros=1000)

    def ask(outputs: Sequence[str]) -> list[str]:
        return sorted(batcher.run(servable, "", {"x": np.float32([1])}, outputs))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(ask, [("y",), ("factor",)])) == [["y"], ["factor"]]
    assert sorted(servable.outputs_run) == [("factor",), ("y",)]


def test_a_request_without_rows_runs_by_itself(make_batcher: Callable[..., Batcher], servable: Observed) -> None:
    batcher = make_batcher(max_batch_size=2, batch_timeout_micros=LONG_MICROS, allowed_batch_sizes=(2,))
    assert batcher.run(servable, "", {"x": np.zeros(0, np.float32)})["y"].tolist() == []
    assert batcher.waiting() == 0


def test_a_request_larger_than_a_batch_is_refused(make_batcher: Callable[..., Batcher], servable: Observed) -> None:
    with pytest.raises(ServingError, match="Task size 3 is larger than maximum input batch size 2") as raised:
        make_batcher(max_batch_size=2).run(servable, "", {"x": np.float32([1, 2, 3])})
    assert raised.value.code == grpc.StatusCode.INVALID_ARGUMENT


def test_a_full_queue_refuses_and_the_queues_of_other_signatures_do_not(
    make_batcher: Callable[..., Batcher], servable: Observed
) -> None:
    batcher = make_batcher(max_batch_size=2, max_enqueued_batches=1, num_batch_threads=1)
    servable.may_run.clear()
    with ThreadPoolExecutor(3) as pool:
        running = pool.submit(batcher.run, servable, "", {"x": np.float32([1, 1])})
        assert eventually(lambda: batcher.waiting() == 0 and not running.done())
        waiting = pool.submit(batcher.run, servable, "", {"x": np.float32([2, 2])})
        assert eventually(lambda: batcher.waiting() == 1)
        with pytest.raises(ServingError) as raised:
            batcher.run(servable, "", {"x": np.float32([3])})
        other = pool.submit(batcher.run, servable, "lengths", {"texts": text(2, 1)})
        assert eventually(lambda: batcher.waiting() == 2)
        servable.may_run.set()
        assert (running.result()["y"].tolist(), waiting.result()["y"].tolist()) == ([3.0, 3.0], [6.0, 6.0])
        assert other.result()["lengths"].tolist() == [[2], [2]]
    assert raised.value.code == grpc.StatusCode.UNAVAILABLE
    assert raised.value.message == (
        "The batch scheduling queue to which this task was submitted is full; currently 1 batches enqueued and "
        "max_enqueued_batches is 1"
    )


def test_stopping_runs_what_waits(servable: Observed) -> None:
    batcher = Batcher(Batching(max_batch_size=8, batch_timeout_micros=LONG_MICROS))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(batcher.run, servable, "", {"x": np.float32([1])})
        assert eventually(lambda: batcher.waiting() == 1)
        batcher.stop()
        assert waiting.result(20)["y"].tolist() == [3.0]


def test_the_rows_of_each_batch_are_observed(servable: Observed) -> None:
    observed: list[tuple[str, int]] = []
    batcher = Batcher(
        Batching(max_batch_size=3, batch_timeout_micros=LONG_MICROS, allowed_batch_sizes=(3,)),
        lambda model, rows: observed.append((model, rows)),
    )
    run_together(batcher, servable, [np.float32([1]), np.float32([2, 3])])
    batcher.stop()
    assert observed == [("scaled", 3)]


def test_without_batching_requests_run_as_they_come(servable: Observed) -> None:
    runner = UnbatchedRunner()
    assert runner.run(servable, "", {"x": np.float32([1])}, ["y"])["y"].tolist() == [3.0]
    runner.stop()
    assert servable.outputs_run == [("y",)]


def test_over_a_socket(tmp_path: Path) -> None:
    small_models.write_scaled(tmp_path, 2)
    batching = Batching(max_batch_size=8, batch_timeout_micros=2000, num_batch_threads=2, max_enqueued_batches=100)
    with (
        small_models.Server(small_models.options(tmp_path, batching=batching)) as server,
        small_models.Stubs(server.port) as stubs,
        ThreadPoolExecutor(8) as pool,
    ):
        answers = list(pool.map(lambda index: stubs.scaled([index, 1.0]), range(64)))
    assert answers == [[2.0 * index, 2.0] for index in range(64)]
