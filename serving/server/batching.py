"""Several requests run as one: joined along the first axis, run together, and taken apart again."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
import numpy as np

from serving.server.configuration import Batching
from serving.server.errors import ServingError, invalid
from serving.server.servable import Servable

Arrays = Mapping[str, np.ndarray]


class Runner(Protocol):
    """Runs a signature of a servable on checked inputs."""

    def run(self, servable: Servable, key: str, inputs: Arrays) -> dict[str, np.ndarray]: ...


class Unbatched:
    """Each request by itself."""

    def run(self, servable: Servable, key: str, inputs: Arrays) -> dict[str, np.ndarray]:
        return servable.run(key, inputs)

    def stop(self) -> None:
        """There is nothing to stop."""


@dataclass
class _Batch:
    servable: Servable
    key: str
    since: float
    rows: int = 0
    requests: list[tuple[Arrays, int, Future[dict[str, np.ndarray]]]] = field(default_factory=list)


class Batcher:
    """Joins requests to the same version and signature whose tensors differ in the first axis alone.

    A batch is run when it is full, or when its first request has waited for `batch_timeout_micros`. Where running it
    fails, its requests are run one by one, so that one of them never costs the others their answers.

    Args:
        batching: the limits.
        observe: called with the rows of each batch before it is filled up.
    """

    def __init__(self, batching: Batching, observe: Any = None) -> None:
        self._limits = batching
        self._observe = observe
        self._changed = threading.Condition()
        self._open: OrderedDict[Any, _Batch] = OrderedDict()
        self._full: list[_Batch] = []
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"batches-{number}", daemon=True)
            for number in range(batching.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Runs what waits, then ends."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def run(self, servable: Servable, key: str, inputs: Arrays) -> dict[str, np.ndarray]:
        """Outputs for these inputs, from a batch that may hold others too.

        Raises:
            ServingError: INVALID_ARGUMENT for tensors that cannot be joined or are too large for a batch, UNAVAILABLE
                where too many batches wait.
        """
        rows = _rows(inputs)
        if rows > self._limits.max_batch_size:
            limit = self._limits.max_batch_size
            raise invalid(f"the first axis should be at most {limit} (`max_batch_size`), received {rows}")
        future: Future[dict[str, np.ndarray]] = Future()
        axes = tuple((name, value.dtype.str, self._axes(value)) for name, value in sorted(inputs.items()))
        kind = (id(servable), key, axes)
        with self._changed:
            batch = self._open.get(kind)
            if batch is not None and batch.rows + rows > self._limits.max_batch_size:
                self._full.append(self._open.pop(kind))
                batch = None
            if batch is None:
                if len(self._open) + len(self._full) >= self._limits.max_enqueued_batches:
                    raise ServingError(
                        grpc.StatusCode.UNAVAILABLE,
                        f"the queue is full: {self._limits.max_enqueued_batches} batches wait (`max_enqueued_batches`)",
                    )
                batch = self._open[kind] = _Batch(servable, key, time.monotonic())
            batch.requests.append((inputs, rows, future))
            batch.rows += rows
            if batch.rows >= self._limits.max_batch_size:
                self._full.append(self._open.pop(kind))
            self._changed.notify()
        return future.result()

    def _axes(self, value: np.ndarray) -> Any:
        """What two tensors must share to be joined."""
        return value.ndim if self._limits.pad_variable_length_inputs else value.shape[1:]

    def _work(self) -> None:
        while True:
            batch = self._next()
            if batch is None:
                return
            self._run(batch)

    def _next(self) -> _Batch | None:
        """The next batch to run, waited for; None when there is none and none will come."""
        timeout = self._limits.batch_timeout_micros / 1e6
        with self._changed:
            while True:
                if self._full:
                    return self._full.pop(0)
                if self._open:
                    kind, oldest = next(iter(self._open.items()))
                    left = oldest.since + timeout - time.monotonic()
                    if left <= 0 or self._stopping:
                        return self._open.pop(kind)
                    self._changed.wait(left)
                elif self._stopping:
                    return None
                else:
                    self._changed.wait()

    def _run(self, batch: _Batch) -> None:
        if self._observe is not None:
            self._observe(batch.servable.name, batch.rows)
        try:
            outputs = self._run_joined(batch)
        except Exception as error:  # whoever asked is to hear of it, whatever it is
            if len(batch.requests) == 1:
                batch.requests[0][2].set_exception(error)
                return
            for inputs, _, future in batch.requests:
                try:
                    future.set_result(batch.servable.run(batch.key, inputs))
                except Exception as own:
                    future.set_exception(own)
            return
        start = 0
        for _, rows, future in batch.requests:
            future.set_result({name: value[start : start + rows] for name, value in outputs.items()})
            start += rows

    def _run_joined(self, batch: _Batch) -> dict[str, np.ndarray]:
        size = next((size for size in self._limits.allowed_batch_sizes if size >= batch.rows), batch.rows)
        joined = {
            name: _joined([inputs[name] for inputs, _, _ in batch.requests], size) for name in batch.requests[0][0]
        }
        outputs = batch.servable.run(batch.key, joined)
        for name, value in outputs.items():
            if value.ndim == 0 or len(value) != size:
                raise ServingError(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    f"output `{name}` should have one row a row of the inputs, {size}, to be taken apart after "
                    f"batching, received the shape {list(value.shape)}",
                )
        return outputs


def _rows(inputs: Arrays) -> int:
    sizes = {name: value.shape[0] if value.ndim else None for name, value in inputs.items()}
    found = set(sizes.values())
    if len(found) != 1 or None in found:
        shown = ", ".join(f"{name} {size}" for name, size in sorted(sizes.items()))
        raise invalid(f"with batching the first axis of all inputs should be the same, received {shown}")
    return int(next(iter(inputs.values())).shape[0])


def _joined(parts: list[np.ndarray], size: int) -> np.ndarray:
    """One array of `size` rows; those missing repeat the last."""
    longest = np.max([part.shape[1:] for part in parts], axis=0) if parts[0].ndim > 1 else ()
    filled = []
    for part in parts:
        if tuple(longest) != part.shape[1:]:
            first = part.flat[0] if part.size else part.dtype.type()
            widths = [(0, 0), *((0, int(want) - have) for want, have in zip(longest, part.shape[1:], strict=True))]
            part = np.pad(part, widths, constant_values=first)
        filled.append(part)
    joined = filled[0] if len(filled) == 1 else np.concatenate(filled)
    missing = size - len(joined)
    if missing > 0 and len(joined):
        joined = np.concatenate([joined, np.repeat(joined[-1:], missing, axis=0)])
    return joined
