"""Runs several requests as one batch, with TensorFlow Serving's limits and errors."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import grpc
import numpy as np

from interestflow.serving.server.batch_tensors import count_rows, join, split
from interestflow.serving.server.configuration import Batching
from interestflow.serving.server.errors import ServingError, invalid
from interestflow.serving.server.servable import Servable

Arrays = Mapping[str, np.ndarray]


class Runner(Protocol):
    """Runs a signature of a servable."""

    def run(
        self, servable: Servable, key: str, inputs: Arrays, outputs: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Return the outputs with the names `outputs`, or all."""


class UnbatchedRunner:
    """Runs each request on its own."""

    def run(
        self, servable: Servable, key: str, inputs: Arrays, outputs: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Return the outputs with the names `outputs`, or all.

        Raises:
            ServingError: with the status of TensorFlow's own error.
        """
        return servable.run(key, inputs, outputs)

    def stop(self) -> None:
        """Do nothing: there is nothing to stop."""


class BatchKey(NamedTuple):
    """Key that the requests of a batch share; each key has a queue of its own."""

    servable: Servable
    key: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Task(NamedTuple):
    """One request of a batch."""

    inputs: Arrays
    rows: int
    future: Future[dict[str, np.ndarray]]


@dataclass
class Batch:
    """Requests that run together, and when the first of them arrived."""

    since: float
    rows: int = 0
    tasks: list[Task] = field(default_factory=list)


class Batcher:
    """Joins requests to the same version, signature and outputs along the first axis.

    A batch runs when it is full, or when its first request has waited for `batch_timeout_micros`. As in TensorFlow
    Serving, requests whose shapes do not fit, and one whose values the graph refuses, fail all others of their batch.
    Unlike in TensorFlow Serving, a request without rows runs on its own: TensorFlow Serving never runs a batch of such
    requests, and ends where one of them is the last of a batch that is padded.

    Args:
        batching: sizes and timeouts of batches.
        observe: function called with the model and the rows of each batch, before it is padded.
    """

    def __init__(self, batching: Batching, observe: Callable[[str, int], None] | None = None) -> None:
        """Start the threads that run batches."""
        self._limits = batching
        self._observe = observe
        self._changed = threading.Condition()
        self._queues: dict[BatchKey, deque[Batch]] = {}
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"batches-{index}", daemon=True)
            for index in range(batching.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Run the waiting batches, then end the threads."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def run(
        self, servable: Servable, key: str, inputs: Arrays, outputs: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Return the outputs with the names `outputs`, or all, from a batch that may hold other requests too.

        Raises:
            ServingError: INVALID_ARGUMENT for tensors that cannot be joined or are too large for a batch, UNAVAILABLE
                where too many batches wait, and the error of the whole batch.
        """
        rows = count_rows(inputs)
        if rows == 0:
            return servable.run(key, inputs, outputs)
        if rows > self._limits.max_batch_size:
            raise invalid(f"Task size {rows} is larger than maximum input batch size {self._limits.max_batch_size}")
        names = tuple(servable.outputs(key) if outputs is None else outputs)
        task = Task(inputs, rows, Future())
        with self._changed:
            self._enqueue(BatchKey(servable, key, tuple(inputs), names), task)
            self._changed.notify()
        return task.future.result()

    def waiting(self) -> int:
        """Return how many batches wait for a thread, those that are not full included."""
        with self._changed:
            return sum(map(len, self._queues.values()))

    def _enqueue(self, key: BatchKey, task: Task) -> None:
        queue = self._queues.setdefault(key, deque())
        if not queue or queue[-1].rows + task.rows > self._limits.max_batch_size:
            if len(queue) >= self._limits.max_enqueued_batches:
                raise ServingError(
                    grpc.StatusCode.UNAVAILABLE,
                    "The batch scheduling queue to which this task was submitted is full; currently "
                    f"{len(queue)} batches enqueued and max_enqueued_batches is {self._limits.max_enqueued_batches}",
                )
            queue.append(Batch(time.monotonic()))
        queue[-1].tasks.append(task)
        queue[-1].rows += task.rows

    def _work(self) -> None:
        while (due := self._take()) is not None:
            self._run(*due)

    def _take(self) -> tuple[BatchKey, Batch] | None:
        """Wait for the next batch to run, and return it; None once the runner has stopped and no batch is left."""
        with self._changed:
            while True:
                if not self._queues and self._stopping:
                    return None
                wait_seconds = None
                if self._queues:
                    key, due = min(((key, self._due(queue)) for key, queue in self._queues.items()), key=_by_due)
                    wait_seconds = due - time.monotonic()
                    if wait_seconds <= 0:
                        return key, self._pop(key)
                self._changed.wait(wait_seconds)

    def _due(self, queue: deque[Batch]) -> float:
        """Return when the first batch of a queue should run: at once where no more requests can join it."""
        first = queue[0]
        if self._stopping or len(queue) > 1 or first.rows >= self._limits.max_batch_size:
            return first.since
        return first.since + self._limits.batch_timeout_micros / 1e6

    def _pop(self, key: BatchKey) -> Batch:
        queue = self._queues[key]
        batch = queue.popleft()
        if not queue:
            del self._queues[key]
        return batch

    def _run(self, key: BatchKey, batch: Batch) -> None:
        if self._observe is not None:
            self._observe(key.servable.name, batch.rows)
        try:
            answers = self._run_joined(key, batch)
        except Exception as error:  # every request of the batch gets the error, of any kind
            for task in batch.tasks:
                task.future.set_exception(error)
            return
        for task, answer in zip(batch.tasks, answers, strict=True):
            task.future.set_result(answer)

    def _run_joined(self, key: BatchKey, batch: Batch) -> list[dict[str, np.ndarray]]:
        size = next((size for size in self._limits.allowed_batch_sizes if size >= batch.rows), batch.rows)
        inputs = join(
            [task.inputs for task in batch.tasks],
            self._limits.pad_variable_length_inputs,
            size,
            lambda name: key.servable.feed_name(key.key, name),
        )
        outputs = key.servable.run(key.key, inputs, key.outputs)
        return split(outputs, [task.rows for task in batch.tasks], size)


def _by_due(item: tuple[Any, float]) -> float:
    return item[1]
